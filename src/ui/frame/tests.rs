use std::time::Duration;

use super::*;
use crate::content::Outcome;
use crate::image::Digest;
use crate::progress::Direction;
use crate::progress::{Event, Layer};

const WIDE_SCREEN: Size = Size { columns: 120, rows: 24 };
const USUAL_SCREEN: Size = Size { columns: 80, rows: 24 };

fn layers(count: u8) -> Vec<Layer> {
    let layer = |n| Layer {
        digest: Digest::parse(&format!("sha256:{n:02x}{:0<62}", "")).unwrap(),
        size: 6_002_000,
        diff_id: None,
        present: false,
    };
    (0..count).map(layer).collect()
}

fn planned(layers: &[Layer], now: Instant) -> Board {
    let mut board = Board::new(Direction::Pull);
    board.apply(&Event::Planned(layers), now);
    board
}

/// The first layer after `millis` with so many bytes there before and so many moved.
fn moved(offset: u64, bytes: u64, millis: u64, size: Size) -> String {
    let layers = layers(1);
    let start = Instant::now();
    let mut board = planned(&layers, start);
    let blob = &layers[0].digest;
    let now = start + Duration::from_millis(millis);
    board.apply(&Event::Started { blob, offset }, start);
    board.apply(&Event::Advanced { blob, bytes }, now);
    let picture = draw(&board, size, now);
    picture.split('\n').next().unwrap_or_default().to_owned()
}

#[test]
fn a_wide_terminal_has_docker_s_bar() {
    // Transcript 12, step 2: the first numbers of layer a937a6ef5f9d.
    assert_eq!(
        moved(0, 65_120, 100, WIDE_SCREEN),
        "000000000000: Downloading [>                                                  ]  65.12kB/6.002MB"
    );
    assert_eq!(
        moved(0, 407_600, 100, WIDE_SCREEN),
        "000000000000: Downloading [===>                                               ]  407.6kB/6.002MB"
    );
    assert_eq!(
        moved(0, 6_002_000, 100, WIDE_SCREEN),
        "000000000000: Downloading [==================================================>]  6.002MB/6.002MB"
    );
}

#[test]
fn a_usual_terminal_has_a_bar_that_fits_and_a_narrow_one_none() {
    assert_eq!(
        moved(0, 3_001_000, 100, USUAL_SCREEN),
        "000000000000: Downloading [=======>        ]  3.001MB/6.002MB"
    );
    let narrow = Size { columns: 60, rows: 24 };
    assert_eq!(
        moved(0, 407_600, 100, narrow),
        "000000000000: Downloading  407.6kB/6.002MB"
    );
}

#[test]
fn the_last_line_is_for_the_whole() {
    let layers = layers(3);
    let start = Instant::now();
    let mut board = planned(&layers, start);
    let outcome = &Outcome::Copied;
    let now = start + Duration::from_secs(1);
    for (layer, bytes) in layers.iter().zip([6_002_000, 3_000_000]) {
        let blob = &layer.digest;
        board.apply(&Event::Started { blob, offset: 0 }, start);
        board.apply(&Event::Advanced { blob, bytes }, now);
    }
    let blob = &layers[0].digest;
    board.apply(&Event::Finished { blob, outcome }, now);
    let picture = draw(&board, USUAL_SCREEN, now);
    assert_eq!(
        picture.lines().last(),
        Some("Total: 9.002MB/18.01MB  9MB/s  1s  1/3 layers")
    );
    assert!(!last_words(&board, USUAL_SCREEN, now).contains("Total"));
}

#[test]
fn more_than_announced_hides_the_announcement() {
    assert_eq!(
        moved(0, 6_011_000, 100, USUAL_SCREEN),
        "000000000000: Downloading [===============>]  6.011MB"
    );
}

#[test]
fn bytes_that_were_there_count_as_done_but_not_as_fast() {
    assert_eq!(
        moved(3_002_000, 1_000_000, 1000, USUAL_SCREEN),
        "000000000000: Downloading [=========>      ]  4.002MB/6.002MB  1MB/s  2s"
    );
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let narrow = Size { columns: 20, rows: 24 };
    assert_eq!(moved(0, 407_600, 100, narrow), "000000000000: Downlo");
}

#[test]
fn a_low_terminal_shows_what_moves() {
    let layers = layers(10);
    let now = Instant::now();
    let mut board = planned(&layers, now);
    let outcome = &Outcome::Copied;
    for layer in &layers[..3] {
        let blob = &layer.digest;
        board.apply(&Event::Finished { blob, outcome }, now);
    }
    for layer in [&layers[4], &layers[9]] {
        let blob = &layer.digest;
        board.apply(&Event::Started { blob, offset: 0 }, now);
    }
    let size = Size { columns: 80, rows: 5 };
    assert_eq!(
        draw(&board, size, now),
        "030000000000: Pulling fs layer\n\
         040000000000: Downloading [>               ]       0B/6.002MB\n\
         090000000000: Downloading [>               ]       0B/6.002MB\n\
         ... and 7 more"
    );
    assert_eq!(last_words(&board, size, now).lines().count(), 10);
}
