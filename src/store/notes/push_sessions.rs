//! Half-done uploads, so that the next run can go on with them: one file for each blob on its way to a repository.
//!
//! Such a file holds the URL of the session and nothing else. URLs may be signed, so only their owner may read it.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;

use crate::content::Remembered;
use crate::image::Digest;
use crate::store::files;
use crate::store::layout::Layout;

/// The most bytes of a note: longer than any URL that servers take.
const LONGEST: u64 = 16 << 10;

/// What is remembered of the upload of this blob to the repository `domain`/`path`. None where another process has it,
/// or where the store cannot be written to: then the upload begins anew, no more.
pub(in crate::store) fn claim(layout: &Layout, domain: &str, path: &str, blob: &Digest) -> Option<Remembered> {
    let place = Digest::of(format!("{domain} {path} {blob}").as_bytes());
    let at = layout.paths().session(&place);
    let open = || {
        let file = files::open_write(&at, 0o600)?;
        file.try_lock()?;
        let mut session = String::new();
        (&file).take(LONGEST).read_to_string(&mut session)?;
        Ok::<_, io::Error>((file, session))
    };
    let (file, session) = open().ok()?;
    let session = Some(session.trim_end().to_owned()).filter(|session| !session.is_empty());
    let keep = move |session: Option<&str>| {
        // What cannot be noted costs an upload from the start, and only if this one is cut off.
        let _ = match session {
            Some(session) => note(&file, session),
            None => fs::remove_file(&at),
        };
    };
    Some(Remembered::new(session, keep))
}

/// Spaces over the rest of what was there: a shorter URL is never followed by the end of a longer one.
fn note(file: &File, session: &str) -> io::Result<()> {
    let before = usize::try_from(file.metadata()?.len()).unwrap_or_default();
    file.write_all_at(format!("{session:before$}").as_bytes(), 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_upload_is_remembered_for_its_repository_by_one_process_at_a_time_and_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("store"));
        layout.create().unwrap();
        let blob = Digest::of(b"x");
        let claim = |path| claim(&layout, "h:5000", path, &blob);
        let first = claim("a").unwrap();
        assert_eq!(first.session, None);
        first.keep(Some("http://h:5000/a/rather/long?sig=1"));
        first.keep(Some("http://h:5000/b"));
        assert!(claim("a").is_none());
        let files = || {
            fs::read_dir(layout.paths().ingest())
                .unwrap()
                .map(Result::unwrap)
                .collect::<Vec<_>>()
        };
        assert_eq!(files()[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
        drop(first);
        assert_eq!(claim("b").unwrap().session, None);
        let again = claim("a").unwrap();
        assert_eq!(again.session.as_deref(), Some("http://h:5000/b"));
        again.keep(None);
        drop(again);
        assert_eq!(claim("a").unwrap().session, None);
    }
}
