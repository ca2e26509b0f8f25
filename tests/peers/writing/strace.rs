//! strace, which kills a program at a system call or has the call fail, and says which one it was.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// The calls that change files, or by which one is opened to be changed.
pub(crate) const CALLS: &str = "openat,write,pwrite64,copy_file_range,sendfile,rename,renameat,renameat2,linkat,fsync,fdatasync,\
    mkdir,mkdirat,unlink,unlinkat,rmdir,ftruncate,fallocate,fchmod,utimensat,flock";

/// One call of a program, of those in [`CALLS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// Which of the calls of this name that the thread has made.
    pub(crate) number: usize,
    /// Which of all calls that the thread has made.
    pub(crate) place: usize,
    /// Its arguments, as strace writes them.
    pub(crate) text: String,
}

impl Call {
    /// Whether a file below this folder is written, or opened for that.
    pub(crate) fn writes_below(&self, root: &Path) -> bool {
        let reads = self.name == "openat"
            && !["O_CREAT", "O_WRONLY", "O_RDWR"]
                .iter()
                .any(|it| self.text.contains(it));
        let result = self.text.rsplit_once(" = ").map_or("", |(_, result)| result);
        // What fails anyway needs no fault.
        self.text.contains(&format!("{}/", root.display()))
            && !reads
            && !result.starts_with('-')
            && self.name != "flock"
    }

    /// Whether strace had it fail.
    pub(crate) fn was_spoilt(&self) -> bool {
        self.text.ends_with("(INJECTED)")
    }

    /// How it may fail.
    pub(crate) fn errors(&self) -> &'static [&'static str] {
        match self.name.as_str() {
            "openat" => &["EMFILE", "ENOSPC", "EROFS", "EIO"],
            "mkdir" | "mkdirat" | "rename" | "renameat" | "renameat2" | "linkat" => &["ENOSPC", "EROFS", "EIO"],
            "write" | "pwrite64" | "copy_file_range" | "sendfile" | "fallocate" => &["ENOSPC", "EIO"],
            "fsync" | "fdatasync" => &["EIO", "ENOSPC"],
            _ => &["EROFS", "EIO"],
        }
    }
}

/// What comes before the program, so that its calls are written to `log`.
pub(crate) fn watching(log: &str) -> Vec<String> {
    let words = ["strace", "-f", "-qq", "-y", "-o", log, "-e"].map(str::to_owned);
    words.into_iter().chain([format!("trace={CALLS}")]).collect()
}

/// The same, and each thread that comes so far is killed at the call in this place.
pub(crate) fn killing_at(log: &str, place: usize) -> Vec<String> {
    let inject = format!("inject={CALLS}:signal=KILL:when={place}");
    watching(log).into_iter().chain(["-e".to_owned(), inject]).collect()
}

/// The same, and the call of this number and name fails.
pub(crate) fn failing_at(log: &str, call: &Call, error: &str) -> Vec<String> {
    let inject = format!("inject={}:error={error}:when={}", call.name, call.number);
    watching(log).into_iter().chain(["-e".to_owned(), inject]).collect()
}

/// The calls in a log, each with what came of it.
pub(crate) fn calls(log: &str) -> Vec<Call> {
    let mut numbers = HashMap::<(String, String), usize>::new();
    let mut unfinished = HashMap::<String, usize>::new();
    let mut calls = Vec::<Call>::new();
    let text = fs::read(log).unwrap();
    for line in String::from_utf8_lossy(&text).lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        if let Some((_, rest)) = call.strip_prefix("<... ").and_then(|call| call.split_once(" resumed>")) {
            if let Some(at) = unfinished.remove(thread) {
                calls[at].text += rest;
            }
            continue;
        }
        let Some((name, text)) = call.split_once('(').filter(|(name, _)| !name.contains(' ')) else {
            continue;
        };
        let mut count = |of: &str| {
            let number = numbers.entry((thread.to_owned(), of.to_owned())).or_default();
            *number += 1;
            *number
        };
        let (number, place) = (count(name), count(""));
        if text.ends_with("<unfinished ...>") {
            unfinished.insert(thread.to_owned(), calls.len());
        }
        let (name, text) = (name.to_owned(), text.to_owned());
        calls.push(Call {
            name,
            number,
            place,
            text,
        });
    }
    calls
}
