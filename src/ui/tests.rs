use super::*;
use crate::content::Outcome;
use crate::image::Digest;
use crate::progress::Layer;

/// A stream whose bytes the test keeps.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(lock(&self.0).clone()).unwrap()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream that takes nothing.
struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn kept_screen(mode: ProgressMode) -> (Screen, Kept, Kept) {
    let (out, err) = (Kept::default(), Kept::default());
    (Screen::on(mode, Box::new(out.clone()), Box::new(err.clone())), out, err)
}

fn pull_one(progress: &dyn Progress) {
    let layer = Layer {
        digest: Digest::of(b"layer"),
        size: 5,
        diff_id: None,
        present: false,
    };
    let (blob, outcome) = (&layer.digest, &Outcome::Copied);
    progress.on(Event::Planned(std::slice::from_ref(&layer)));
    progress.on(Event::Started { blob, offset: 0 });
    progress.on(Event::Finished { blob, outcome });
}

#[test]
fn modes_have_names() {
    for name in ProgressMode::NAMES {
        assert!(name.parse::<ProgressMode>().is_ok(), "{name}");
    }
    let error = "fancy".parse::<ProgressMode>().unwrap_err();
    assert_eq!(error.to_string(), "must be one of auto, tty, plain, json, none");
}

#[test]
fn lines_are_made_harmless_and_print_is_exact() {
    let (screen, out, err) = kept_screen(ProgressMode::Plain);
    screen.line("a\u{1b}b");
    screen.note("c\rd");
    screen.print("\u{1b}");
    assert_eq!(out.text(), "a\u{fffd}b\n\u{1b}");
    assert_eq!(err.text(), "c\u{fffd}d\n");
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let err = Kept::default();
    let broken = Box::new(Broken(io::ErrorKind::BrokenPipe));
    let screen = Screen::on(ProgressMode::Plain, broken, Box::new(err.clone()));
    assert!(!screen.is_closed());
    screen.line("lost");
    assert!(screen.is_closed());
    assert!(screen.finish().is_ok());
    assert_eq!(err.text(), "");
}

#[test]
fn a_full_disk_behind_standard_output_is_a_failure() {
    let broken = Box::new(Broken(io::ErrorKind::StorageFull));
    let screen = Screen::on(ProgressMode::Plain, broken, Box::new(Kept::default()));
    screen.line("lost");
    let error = screen.finish().unwrap_err();
    assert_eq!(error.kind(), Kind::NoSpace);
    assert!(error.to_string().starts_with("write to standard output: "));
    assert!(screen.finish().is_ok(), "told twice");
}

#[test]
fn quiet_silences_all_but_json() {
    for (mode, quiet, lines) in [
        (ProgressMode::Plain, false, (3, 0)),
        (ProgressMode::Plain, true, (0, 0)),
        (ProgressMode::None, false, (0, 0)),
        (ProgressMode::Json, false, (0, 3)),
        (ProgressMode::Json, true, (0, 3)),
        (ProgressMode::Tty, true, (0, 0)),
    ] {
        let (screen, out, err) = kept_screen(mode);
        pull_one(&*screen.progress(Direction::Pull, quiet));
        let printed = (out.text().lines().count(), err.text().lines().count());
        assert_eq!(printed, lines, "{mode:?} {quiet}");
    }
}

#[test]
fn bars_leave_the_last_states_as_plain_lines() {
    let (screen, out, _) = kept_screen(ProgressMode::Tty);
    let id = Digest::of(b"layer").short().to_owned();
    pull_one(&*screen.progress(Direction::Pull, false));
    screen.line("Digest: sha256:..");
    let text = out.text();
    assert!(
        text.ends_with(&format!("{id}: Pull complete\nDigest: sha256:..\n")),
        "{text:?}"
    );
    assert!(!text.contains("\u{1b}[?25l"), "the cursor stays visible");
}

#[test]
fn bars_come_back_after_they_were_settled() {
    let (screen, out, _) = kept_screen(ProgressMode::Tty);
    let id = Digest::of(b"layer").short().to_owned();
    let progress = screen.progress(Direction::Pull, false);
    for _ in 0..2 {
        pull_one(&*progress);
        screen.settle();
    }
    assert_eq!(out.text().matches(&format!("{id}: Pull complete\n")).count(), 2);
}

#[test]
fn an_interrupted_pull_leaves_what_it_did() {
    let (screen, out, _) = kept_screen(ProgressMode::Tty);
    let digest = Digest::of(b"layer");
    let layer = Layer {
        digest: digest.clone(),
        size: 10,
        diff_id: None,
        present: false,
    };
    let progress = screen.progress(Direction::Pull, false);
    progress.on(Event::Planned(&[layer]));
    progress.on(Event::Started {
        blob: &digest,
        offset: 0,
    });
    drop(screen);
    let last = format!("{}: Downloading [>               ]       0B/10B\n", digest.short());
    assert!(out.text().ends_with(&last), "{:?}", out.text());
}
