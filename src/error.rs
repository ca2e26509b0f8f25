//! What can go wrong, in one type: a kind to branch on, a sentence for people, the cause behind it,
//! and a clue from which the screen makes its hint.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure it is. Code branches on this, never on text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The command line or a name in it is wrong.
    Usage,
    /// The thing named does not exist, here or on the registry.
    NotFound,
    /// The registry wants credentials, or refuses those it got.
    Unauthorized,
    /// The credentials are known but may not do this.
    Denied,
    /// The registry asks to come back later (429).
    RateLimited,
    /// The network or the server failed in a way that may pass: worth another try.
    Unavailable,
    /// Bytes that are not what they claim to be.
    Corrupt,
    /// Understood, but not something rdock or the other side can do.
    Unsupported,
    /// The local disk or file system.
    Io,
    /// The local disk is full.
    NoSpace,
    /// Something in the way that a person must settle: a conflict or a refused overwrite.
    Conflict,
    /// The user or the system stopped the work.
    Interrupted,
}

/// What the code found out beside the failure: `ui::failure` turns it into one line of advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clue {
    /// The host answered https with plain HTTP.
    PlainHttp { host: String },
    /// The host's certificate is signed by an authority that is not trusted here.
    UnknownAuthority { host: String },
    /// The registry wants a login that is not stored.
    LoginNeeded { host: String },
    /// The registry refuses the login that is stored.
    LoginRefused { host: String },
    /// The host sends on to another registry, which wants a login of its own.
    SentOn { host: String, to: String },
    /// The tag is not there; these existing ones are the nearest.
    NearestTags(Vec<String>),
    /// The index holds these platforms only.
    Platforms(Vec<String>),
    /// The image is not in the local store; these existing names are the nearest.
    NearestNames(Vec<String>),
    /// It is one platform of this image.
    PartOf { platform: String, image: String },
    /// Nothing at the host takes connections.
    Unreachable { host: String },
    /// The host says nothing.
    Silent { host: String },
    /// The disk that holds this folder is full. So many bytes of it are what interrupted transfers left.
    DiskFull { folder: String, partial: u64 },
    /// The disk that holds this folder, which is no store of rdock's own, is full.
    NoRoom { folder: String },
    /// The store or layout in this folder may be written to by somebody else, or a link in it leads elsewhere.
    ForeignStore { root: String },
    /// This file cannot be used as it stands and was left alone.
    BrokenFile { path: String },
    /// The host answers, but not as a registry does.
    NoRegistry { host: String },
    /// The registry is not set up to delete anything.
    NoDeletion { host: String },
    /// The registry refuses manifests of this type.
    TypeRefused { media_type: String },
    /// The tag stands for another image there, and was refused to be moved.
    TagStands { tag: String, digest: String },
    /// The registry says that it lacks these blobs or manifests, which it said to have or was sent.
    Lacking { host: String, digests: Vec<String> },
    /// The host names its own places without the port that it was asked at.
    PortLost { host: String },
    /// These names would go too, because the registry can only delete the digest they share.
    Siblings(Vec<String>),
    /// The archive is damaged, incomplete, or none at all; nothing of it was loaded.
    BadArchive,
    /// Only a container engine can do it; these are the words of the command.
    NeedsEngine { words: Vec<String> },
    /// A delta archive needs the layers that it left out.
    BaseNeeded,
}

/// A failure: its message is a whole sentence without a full stop, its sources are the causes.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    clue: Option<Clue>,
    retry_after: Option<Duration>,
    is_final: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            clue: None,
            retry_after: None,
            is_final: false,
            source: None,
        }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn clue(&self) -> Option<&Clue> {
        self.clue.as_ref()
    }

    /// How long the server asked to wait before another try.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether it was tried often enough: whoever is told must not begin again.
    pub fn is_final(&self) -> bool {
        self.is_final
    }

    /// The same, after the last try.
    #[must_use]
    pub fn into_final(mut self) -> Self {
        self.is_final = true;
        self
    }

    #[must_use]
    pub fn with_clue(mut self, clue: Clue) -> Self {
        self.clue = Some(clue);
        self
    }

    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same failure with what was being done in front; kind, clue, wait and finality stay.
    #[must_use]
    pub fn during(self, doing: impl fmt::Display) -> Self {
        Self {
            kind: self.kind,
            message: doing.to_string(),
            clue: self.clue.clone(),
            retry_after: self.retry_after,
            is_final: self.is_final,
            source: Some(Box::new(self)),
        }
    }
}

/// The message and its causes, joined by colons.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|s| s.as_ref() as _)
    }
}

impl From<io::Error> for Error {
    fn from(e: io::Error) -> Self {
        let kind = match e.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Kind::NoSpace,
            _ => Kind::Io,
        };
        Error::new(kind, e.to_string())
    }
}

/// Adds what was being done to any failure that can become an [`Error`].
pub trait During<T> {
    fn during(self, doing: impl fmt::Display) -> Result<T>;
}

impl<T, E: Into<Error>> During<T> for std::result::Result<T, E> {
    fn during(self, doing: impl fmt::Display) -> Result<T> {
        self.map_err(|e| e.into().during(doing))
    }
}

/// What the system said, as Go says it and so docker.
pub fn in_go_s_words(e: &io::Error) -> String {
    let text = e.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}
