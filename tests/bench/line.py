#!/usr/bin/env python3
"""A bad line on loopback: a TCP proxy between a client and a registry.

    line.py PORT HOST:PORT [--rtt MS] [--rate MB/s for each connection] [--loss PERCENT] [--cut MIN:MAX bytes]

A connection is open one round trip after it was asked for. A lost packet holds its connection up for one round trip more.
--cut breaks each connection after a random number of bytes from the server.
"""

import argparse
import asyncio
import random
import time

PIECE = 64 << 10
PACKET = 1460


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("to")
    parser.add_argument("--rtt", type=float, default=0)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--loss", type=float, default=0)
    parser.add_argument("--cut")
    return parser.parse_args()


LINE = arguments()
RTT = LINE.rtt / 1000
CHANCE = random.Random(1)


def lost(size):
    """Whether a packet of these bytes is lost."""
    return LINE.loss and CHANCE.random() < 1 - (1 - LINE.loss / 100) ** (size / PACKET)


async def pump(reader, writer, limit):
    """Reads at once, writes half a round trip later, in order and no faster than the line."""
    queue = asyncio.Queue(256)

    async def send():
        sent, began, held_up = 0, None, 0
        while True:
            due, data = await queue.get()
            if data is None:
                return
            wait = due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            began = began or time.monotonic()
            if lost(len(data)):
                held_up += RTT
                await asyncio.sleep(RTT)
            writer.write(data)
            await writer.drain()
            sent += len(data)
            ahead = sent / (LINE.rate * 1e6) - (time.monotonic() - began) if LINE.rate else 0
            if ahead > 0.002:
                await asyncio.sleep(ahead)

    sending, passed = asyncio.create_task(send()), 0
    try:
        while not sending.done() and (data := await reader.read(PIECE)):
            if limit and passed + len(data) >= limit:
                await queue.put((time.monotonic() + RTT / 2, data[: limit - passed]))
                break
            passed += len(data)
            await queue.put((time.monotonic() + RTT / 2, data))
        await queue.put((0, None))
        await sending
    except OSError:
        pass
    finally:
        sending.cancel()
        writer.close()


async def serve(reader, writer):
    await asyncio.sleep(RTT)
    host, port = LINE.to.rsplit(":", 1)
    try:
        from_server, to_server = await asyncio.open_connection(host, int(port))
    except OSError:
        writer.close()
        return
    limit = CHANCE.randint(*map(int, LINE.cut.split(":"))) if LINE.cut else 0
    down = asyncio.create_task(pump(from_server, writer, limit))
    up = asyncio.create_task(pump(reader, to_server, 0))
    await down
    up.cancel()
    writer.close()
    to_server.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", LINE.port)
    async with server:
        await server.serve_forever()


asyncio.run(main())
