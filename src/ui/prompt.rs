//! Docker's questions at the terminal: who, and with which password.
//!
//! The terminal's own line editing is used, with two changes while a question is open: ctrl-C ends the line instead
//! of killing the process, and a password is not shown. So the terminal is as before on every way out. The answer is
//! read on a thread of its own: a signal that ends the program drops the question, and with it the changes.

use std::io::{self, BufRead, IsTerminal};

use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use tokio::task;

use crate::error::{Error, Kind, Result};

use super::{Screen, sanitize};

const CTRL_C: u8 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Echo {
    On,
    Off,
}

/// Whether there is someone to ask: standard input is a terminal.
pub fn is_possible() -> bool {
    io::stdin().is_terminal()
}

/// Asks for the user name; an empty answer takes the default.
pub async fn username(screen: &Screen, default: Option<&str>) -> Result<String> {
    let question = match default {
        Some(name) => format!("Username ({name}): "),
        None => "Username: ".to_owned(),
    };
    let answer = ask(screen, &question, Echo::On).await?;
    match (answer.trim(), default) {
        ("", None) => Err(Error::new(Kind::Usage, "Error: Non-null Username Required")),
        ("", Some(name)) | (name, _) => Ok(name.to_owned()),
    }
}

/// Asks for the password without showing it.
pub async fn password(screen: &Screen) -> Result<String> {
    let answer = ask(screen, "Password: ", Echo::Off).await?;
    if answer.trim().is_empty() {
        return Err(Error::new(Kind::Usage, "Error: Password Required"));
    }
    // Blanks at its ends may be part of it.
    Ok(answer)
}

/// Asks whether to go on, as docker does; only y and Y are a yes. An input that has ended says no.
pub async fn confirm(screen: &Screen, question: &str) -> Result<bool> {
    let answer = ask(screen, &format!("{question} [y/N] "), Echo::On).await?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

async fn ask(screen: &Screen, question: &str, echo: Echo) -> Result<String> {
    // Lets the program begin to listen for signals: one that came before would leave the terminal changed.
    task::yield_now().await;
    let changed = Changed::new(echo);
    screen.print(&sanitize(question));
    let answer = match task::spawn_blocking(|| read_answer(&mut io::stdin().lock())).await {
        Ok(answer) => answer,
        Err(e) => Err(Error::new(Kind::Io, "the thread that reads the answer was lost").caused_by(e)),
    };
    // What the user ended the line with has not been shown.
    if (echo == Echo::Off && changed.is_some()) || answer.is_err() {
        screen.print("\n");
    }
    answer
}

/// One line without its end; nothing at the end of the input.
fn read_answer(input: &mut impl BufRead) -> Result<String> {
    let mut answer = Vec::new();
    loop {
        let bytes = match input.fill_buf() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            bytes => bytes?,
        };
        let end = bytes.iter().position(|&b| b == b'\n' || b == CTRL_C);
        answer.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
        let (ended_by, taken) = match end {
            Some(at) => (bytes[at], at + 1),
            None if bytes.is_empty() => (b'\n', 0),
            None => (0, bytes.len()),
        };
        input.consume(taken);
        match ended_by {
            CTRL_C => return Err(Error::new(Kind::Interrupted, "interrupted")),
            b'\n' => break,
            _ => {}
        }
    }
    let text = String::from_utf8(answer).map_err(|_| Error::new(Kind::Usage, "the answer is not UTF-8 text"))?;
    Ok(text.strip_suffix('\r').unwrap_or(&text).to_owned())
}

/// The terminal's changed settings; dropping them brings the old ones back.
struct Changed {
    before: Termios,
}

impl Changed {
    /// `None` where standard input is no terminal.
    fn new(echo: Echo) -> Option<Self> {
        let before = termios::tcgetattr(io::stdin()).ok()?;
        let mut asking = before.clone();
        asking.local_modes.remove(LocalModes::ISIG);
        // A character that ends a line as Enter does (termios(3), VEOL).
        asking.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
        if echo == Echo::Off {
            asking.local_modes.remove(LocalModes::ECHO);
        }
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &asking).ok()?;
        Some(Self { before })
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        // Nothing can be done when even this fails.
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(typed: &str, times: usize) -> Vec<Result<String, Kind>> {
        // A small buffer: answers come in pieces.
        let mut input = io::BufReader::with_capacity(3, typed.as_bytes());
        (0..times)
            .map(|_| read_answer(&mut input).map_err(|e| e.kind()))
            .collect()
    }

    #[test]
    fn each_answer_is_one_line() {
        assert_eq!(
            answers("alice\ns3cret-pw\r\nx", 4),
            [
                Ok("alice".into()),
                Ok("s3cret-pw".into()),
                Ok("x".into()),
                Ok(String::new())
            ]
        );
    }

    #[test]
    fn ctrl_c_interrupts_whatever_was_typed() {
        assert_eq!(answers("ali\u{3}", 1), [Err(Kind::Interrupted)]);
    }
}
