//! Transfers on a real terminal: live bars, what stays of them, and the ways out.

use std::process::Command;

use rustix::process::Signal;

use crate::support::image::Image;
use crate::support::layer::Layer;
use crate::support::line::Line;
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::runtime::wait_for;
use crate::support::shown::Shown;
use crate::support::terminal::{Ends, Terminal};

impl Line {
    /// Two layers of about 2 MB and a small one.
    fn slow() -> Self {
        let line = Self::new(
            &Image::new()
                .layer(Layer::seeded(1, 2, 1_000_000))
                .layer(Layer::seeded(2, 2, 1_000_000))
                .layer(Layer::text("etc/motd", "hi\n")),
        );
        line.recorder.throttle(Some(3 << 20));
        line
    }

    fn command(&self, flags: &[&str]) -> Command {
        self.sandbox.command(&[&["pull"], flags, &[&self.tagged()]].concat())
    }

    fn ids(&self) -> Vec<&str> {
        self.image.layers.iter().map(|layer| &layer.digest[7..19]).collect()
    }

    /// What stays on the screen of a pull that went well.
    fn last_words(&self) -> Vec<String> {
        let mut words = vec!["latest: Pulling from team/app".to_owned()];
        words.extend(self.ids().iter().map(|id| format!("{id}: Pull complete")));
        words.push(format!("Digest: {}", self.image.digest));
        words.push(format!("Status: Downloaded newer image for {}", self.tagged()));
        words.push(self.tagged());
        words
    }
}

/// What the lines become when the window is this wide.
fn wrapped(lines: &[String], columns: usize) -> Vec<String> {
    let mut rows = Vec::new();
    for line in lines {
        let letters: Vec<char> = line.chars().collect();
        rows.extend(
            letters
                .chunks(columns)
                .map(|row| row.iter().collect::<String>().trim_end().to_owned()),
        );
    }
    rows
}

#[track_caller]
fn assert_sane(ends: &Ends) {
    assert!(ends.echo && ends.lines, "the terminal is as it was");
    let text = String::from_utf8_lossy(&ends.output);
    let (hidden, shown) = (text.matches("\u{1b}[?25l").count(), text.matches("\u{1b}[?25h").count());
    assert!(hidden <= shown, "the cursor is there");
}

#[test]
fn bars_move_and_leave_the_end_of_each_layer() {
    let line = Line::slow();
    for (columns, rows) in [(80, 24), (120, 40), (40, 10)] {
        let mut terminal = Terminal::start(&line.command(&[]), columns, rows);
        let ends = terminal.finish();
        assert_eq!(ends.code, 0, "{}", terminal.text());
        assert_sane(&ends);
        let text = terminal.text();
        let moving = text
            .lines()
            .find(|line| line.contains("Downloading") && line.contains("MB/2"))
            .unwrap();
        if columns >= 80 {
            assert!(text.contains("MB/s") || text.contains("kB/s"), "a speed: {moving:?}");
        }
        assert_eq!(text.contains("Downloading [="), columns >= 80, "a bar where one fits");
        assert!(text.contains("Total: "), "a line for the whole");
        let shown = Shown::of(&ends.output, columns, rows);
        assert_eq!(
            shown.lines(),
            wrapped(&line.last_words(), columns.into()),
            "{columns}x{rows}"
        );
        line.sandbox.rdock(&["rmi", &line.tagged()]).ok();
    }
}

#[test]
fn many_layers_fit_a_low_window() {
    let layers = (0..30).map(|seed| Layer::seeded(seed, 1, 60_000));
    let line = Line::new(&layers.fold(Image::new(), Image::layer));
    line.recorder.throttle(Some(400_000));
    let mut terminal = Terminal::start(&line.command(&[]), 40, 10);
    let ends = terminal.finish();
    assert_eq!(ends.code, 0, "{}", terminal.text());
    assert!(terminal.text().contains("... and 23 more"), "{}", terminal.text());
    assert_eq!(Shown::of(&ends.output, 40, 10).lines(), wrapped(&line.last_words(), 40));
}

#[test]
fn a_window_may_change_its_size() {
    let line = Line::slow();
    let mut terminal = Terminal::start(&line.command(&[]), 120, 40);
    terminal.wait_text("Downloading [=");
    terminal.resize(60, 8);
    let ends = terminal.finish();
    assert_eq!(ends.code, 0, "{}", terminal.text());
    assert!(
        terminal.text().ends_with(&format!("{}\r\n", line.tagged())),
        "{}",
        terminal.text()
    );
}

/// Ends a pull in a terminal that would go on much longer, and expects it to leave the terminal as it was.
#[track_caller]
fn assert_ends(terminal: &mut Terminal, code: i32, stop: impl FnOnce(&mut Terminal)) {
    stop(terminal);
    let ends = terminal.finish();
    assert_eq!(ends.code, code, "{}", terminal.text());
    assert_sane(&ends);
    let text = terminal.text();
    assert!(text.ends_with("\r\n"), "the shell's prompt begins a line: {text:?}");
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn ctrl_c_ends_a_stalled_pull_at_once_and_keeps_what_came() {
    let line = Line::new(&Image::new().layer(Layer::files(4, 1_500_000)));
    let layer = line.image.layers[0].digest.clone();
    let kept = 5 << 20;
    line.recorder
        .on(move |r| r.is("GET", &layer))
        .times(1)
        .stall_after(kept);
    let mut terminal = Terminal::start(&line.command(&[]), 80, 24);
    terminal.wait_text("Downloading");
    wait_for("the stall", || (line.recorder.body_bytes_down() >= kept).then_some(()));
    terminal.wait_text("5.243MB/6.");
    assert_ends(&mut terminal, 130, Terminal::interrupt);
    line.recorder.clear();
    line.sandbox.rdock(&["pull", &line.tagged()]).ok();
    let resumed = line.recorder.count(|r| r.header("range").is_some() && r.status == 206);
    assert_eq!(resumed, 1);
    assert!(
        line.recorder.body_bytes_down() < line.image.layers[0].size,
        "a part was kept"
    );
}

#[test]
fn ctrl_c_ends_a_pull_at_full_speed() {
    let line = Line::new(&Image::new().layer(Layer::big()));
    let (layer, last) = (line.image.layers[0].digest.clone(), line.image.layers[0].size - 1);
    // The part that ends the layer never comes.
    let is_last = move |range: &str| range.ends_with('-') || range.ends_with(&format!("-{last}"));
    line.recorder
        .on(move |r| r.is("GET", &layer) && r.header("range").is_none_or(&is_last))
        .stall_after(0);
    let mut terminal = Terminal::start(&line.command(&[]), 80, 24);
    wait_for("some of the layer", || {
        (line.recorder.body_bytes_down() > 20 << 20).then_some(())
    });
    assert_ends(&mut terminal, 130, Terminal::interrupt);
    // What is there is hashed again by the next one, which may be stopped as well.
    let mut terminal = Terminal::start(&line.command(&[]), 80, 24);
    terminal.wait_text("Pulling from");
    assert_ends(&mut terminal, 130, Terminal::interrupt);
}

#[test]
fn sigterm_ends_with_143() {
    let line = Line::slow();
    line.recorder.throttle(Some(20_000));
    let mut terminal = Terminal::start(&line.command(&[]), 80, 24);
    terminal.wait_text("Downloading");
    assert_ends(&mut terminal, 143, |terminal| terminal.signal(Signal::TERM));
}

#[test]
fn a_terminal_shows_what_progress_asks_for() {
    let line = Line::slow();
    line.recorder.throttle(None);
    let show = |flags: &[&str]| {
        let mut terminal = Terminal::start(&line.command(flags), 120, 24);
        let ends = terminal.finish();
        assert_eq!(ends.code, 0, "{}", terminal.text());
        line.sandbox.rdock(&["rmi", &line.tagged()]).ok();
        terminal.text().replace("\r\n", "\n")
    };
    let words = line.last_words();
    let plain = show(&["--progress=plain"]);
    assert!(
        !plain.contains('\u{1b}') && plain.contains(": Pulling fs layer\n"),
        "{plain}"
    );
    let around = format!("{}\n{}\n", words[0], words[4..].join("\n"));
    assert_eq!(show(&["--progress", "none"]), around);
    assert!(show(&["--progress=json"]).contains("{\"event\":\"planned\",\"layers\":["));
    assert_eq!(show(&["-q"]), format!("{}\n", line.tagged()));
    for mode in ["tty", "auto"] {
        let text = show(&["--progress", mode]);
        assert!(text.contains('\u{1b}'), "{text:?}");
    }
}

#[test]
fn a_push_has_bars_too() {
    let line = Line::slow();
    line.sandbox
        .rdock(&["pull", "-q", "--max-concurrent", "8", &line.tagged()])
        .ok();
    let other = Registry::open();
    let slow = Recorder::front(&other.host());
    slow.throttle(Some(4 << 20));
    let target = format!("{}/x/big:v1", slow.host());
    line.sandbox.rdock(&["tag", &line.tagged(), &target]).ok();
    let mut terminal = Terminal::start(&line.sandbox.command(&["push", &target]), 120, 30);
    let ends = terminal.finish();
    assert_eq!(ends.code, 0, "{}", terminal.text());
    assert!(terminal.text().contains(": Pushing [="), "{}", terminal.text());
    let mut expected = vec![format!("The push refers to repository [{}/x/big]", slow.host())];
    expected.extend(
        line.image
            .diff_ids
            .iter()
            .rev()
            .map(|id| format!("{}: Pushed", &id[7..19])),
    );
    expected.push(format!(
        "v1: digest: {} size: {}",
        line.image.digest,
        line.image.manifest.len()
    ));
    assert_eq!(Shown::of(&ends.output, 120, 30).lines(), wrapped(&expected, 120));
}
