//! Operating system, architecture and variant: which image of an index runs where.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};

/// A platform as the image spec writes it; `linux/arm/v7` on the command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Platform {
    pub architecture: String,
    pub os: String,
    #[serde(rename = "os.version", skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Written by hand for the same reason as the descriptor around it.
impl<'de> Deserialize<'de> for Platform {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Platform;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a platform")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Platform, A::Error> {
        let mut platform = Platform::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "architecture" => platform.architecture = text(&mut map)?,
                "os" => platform.os = text(&mut map)?,
                "os.version" => platform.os_version = text(&mut map)?,
                "variant" => platform.variant = text(&mut map)?,
                _ => drop(platform.rest.insert(key, map.next_value()?)),
            }
        }
        Ok(platform)
    }
}

/// A text, or `null` for an empty one.
fn text<'de, A: MapAccess<'de>>(map: &mut A) -> std::result::Result<String, A::Error> {
    Ok(map.next_value::<Option<String>>()?.unwrap_or_default())
}

impl Platform {
    /// The platform whose images this machine can use: always linux images, with this machine's architecture,
    /// as docker shows them on every system.
    pub fn host() -> Self {
        let (architecture, variant) = match std::env::consts::ARCH {
            "x86_64" => ("amd64", ""),
            "x86" => ("386", ""),
            "aarch64" => ("arm64", "v8"),
            "arm" => ("arm", "v7"),
            "powerpc64" if cfg!(target_endian = "little") => ("ppc64le", ""),
            "loongarch64" => ("loong64", ""),
            other => (other, ""),
        };
        Self::new("linux", architecture, variant)
    }

    fn new(os: &str, architecture: &str, variant: &str) -> Self {
        Self {
            os: os.into(),
            architecture: architecture.into(),
            variant: variant.into(),
            ..Self::default()
        }
    }

    /// Parses `os[/arch[/variant]]` or a lone `arch`, with the spellings people use (`x86_64`, `aarch64`, `armhf`).
    /// The rules and words are containerd's, which docker uses:
    /// <https://github.com/containerd/platforms/blob/main/platforms.go>.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::new(Kind::Usage, format!("{text:?}: {why}: invalid argument"));
        let parts: Vec<&str> = text.split('/').collect();
        let valid =
            |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        if parts.len() > 3 {
            return Err(wrong("cannot parse platform specifier"));
        }
        if let Some(part) = parts.iter().find(|p| !valid(p)) {
            return Err(wrong(&format!(
                "{part:?} is an invalid component of \"{text}\": platform specifier component must match \"^[A-Za-z0-9_.-]+$\""
            )));
        }
        let lower: Vec<String> = parts.iter().map(|p| p.to_ascii_lowercase()).collect();
        match lower.as_slice() {
            [one] if is_known_os(one) => {
                let host = Self::host();
                Ok(Self::new(normal_os(one), &host.architecture, &host.variant))
            }
            [one] => {
                let (architecture, variant) = normal_arch(one, "");
                if !is_known_arch(&architecture) {
                    return Err(wrong("unknown operating system or architecture"));
                }
                Ok(Self::new("linux", &architecture, &variant))
            }
            [os, architecture] => {
                let (architecture, variant) = normal_arch(architecture, "");
                Ok(Self::new(normal_os(os), &architecture, &variant))
            }
            [os, architecture, variant] => {
                let (architecture, variant) = normal_arch(architecture, variant);
                Ok(Self::new(normal_os(os), &architecture, &variant))
            }
            _ => Err(wrong("cannot parse platform specifier")),
        }
    }

    /// Refuses an image for `self` where `wanted` was asked for, in docker's words.
    pub fn check_serves(&self, wanted: &Platform, name: &str) -> Result<()> {
        match self.distance_to(wanted) {
            Some(_) => Ok(()),
            None => Err(wanted.missing_from(name)),
        }
    }

    /// Docker's words for an image that is not there for this platform.
    pub fn missing_from(&self, name: &str) -> Error {
        Error::new(
            Kind::NotFound,
            format!("image with reference {name} was found but does not provide the specified platform ({self})"),
        )
    }

    /// How well an image for `self` serves someone who wants `wanted`: `None` not at all, else lower is better.
    /// A variant below the wanted one serves (arm v6 runs on v7), as containerd ranks them.
    pub fn distance_to(&self, wanted: &Platform) -> Option<u32> {
        let (architecture, variant) = normal_arch(&self.architecture, &self.variant);
        let (wanted_arch, wanted_variant) = normal_arch(&wanted.architecture, &wanted.variant);
        if self.os != wanted.os {
            return None;
        }
        if architecture != wanted_arch {
            // A 64-bit ARM machine runs 32-bit images; a worse choice than any of its own.
            return (wanted_arch == "arm64" && architecture == "arm")
                .then(|| 100 + 8u32.saturating_sub(variant_number(&variant)));
        }
        if variant == wanted_variant {
            return Some(0);
        }
        let (have, want) = (variant_number(&variant), variant_number(&wanted_variant));
        (have <= want).then(|| want - have)
    }

    /// Whether this stands for no platform at all, as the attestations in an index do.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

fn variant_number(variant: &str) -> u32 {
    variant
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1)
}

fn normal_os(os: &str) -> &str {
    match os {
        "macos" => "darwin",
        other => other,
    }
}

fn normal_arch(architecture: &str, variant: &str) -> (String, String) {
    let variant = variant.to_ascii_lowercase();
    let (architecture, variant) = match (architecture.to_ascii_lowercase().as_str(), variant.as_str()) {
        ("i386", v) => ("386".into(), v.into()),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64".into(), String::new()),
        ("x86_64" | "x86-64", v) => ("amd64".into(), v.into()),
        ("aarch64" | "arm64", "8" | "v8" | "") => ("arm64".into(), "v8".into()),
        ("aarch64", v) => ("arm64".into(), v.into()),
        ("armhf", _) | ("arm", "" | "7") => ("arm".into(), "v7".into()),
        ("armel", _) => ("arm".into(), "v6".into()),
        ("arm", v @ ("5" | "6" | "8")) => ("arm".into(), format!("v{v}")),
        (a, v) => (a.to_owned(), v.to_owned()),
    };
    (architecture, variant)
}

fn is_known_os(os: &str) -> bool {
    matches!(
        os,
        "aix"
            | "android"
            | "darwin"
            | "macos"
            | "dragonfly"
            | "freebsd"
            | "illumos"
            | "ios"
            | "js"
            | "linux"
            | "netbsd"
            | "openbsd"
            | "plan9"
            | "solaris"
            | "windows"
            | "zos"
            | "wasi"
            | "wasip1"
    )
}

fn is_known_arch(architecture: &str) -> bool {
    matches!(
        architecture,
        "386"
            | "amd64"
            | "arm"
            | "arm64"
            | "loong64"
            | "mips"
            | "mips64"
            | "mips64le"
            | "mipsle"
            | "ppc64"
            | "ppc64le"
            | "riscv64"
            | "s390x"
            | "wasm"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(have: &str, want: &str) -> Option<u32> {
        Platform::parse(have)
            .unwrap()
            .distance_to(&Platform::parse(want).unwrap())
    }

    #[test]
    fn people_spell_platforms_in_many_ways() {
        for (typed, meant) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/x86_64", "linux/amd64"),
            ("LINUX/AMD64", "linux/amd64"),
            ("linux/aarch64", "linux/arm64/v8"),
            ("arm64", "linux/arm64/v8"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/armhf", "linux/arm/v7"),
            ("s390x", "linux/s390x"),
        ] {
            assert_eq!(Platform::parse(typed).unwrap().to_string(), meant, "{typed}");
        }
    }

    #[test]
    fn null_is_a_member_that_says_nothing() {
        let text = r#"{"architecture":"arm64","os":null,"os.version":null,"variant":null,"os.features":null}"#;
        let platform: Platform = serde_json::from_str(text).unwrap();
        assert_eq!(platform.to_string(), "/arm64");
        assert_eq!((platform.os_version.as_str(), platform.rest.len()), ("", 1));
        assert!(serde_json::from_str::<Platform>(r#"{"os":1}"#).is_err());
    }

    #[test]
    fn docker_s_words_for_a_bad_platform() {
        let says = |text: &str| Platform::parse(text).unwrap_err().to_string();
        assert_eq!(
            says("nosuchos"),
            "\"nosuchos\": unknown operating system or architecture: invalid argument"
        );
        assert_eq!(
            says("nonsense/a/b/c"),
            "\"nonsense/a/b/c\": cannot parse platform specifier: invalid argument"
        );
    }

    #[test]
    fn a_lower_variant_serves_and_a_higher_one_does_not() {
        assert_eq!(distance("linux/arm/v7", "linux/arm/v7"), Some(0));
        assert_eq!(distance("linux/arm/v6", "linux/arm/v7"), Some(1));
        assert_eq!(distance("linux/arm/v7", "linux/arm/v6"), None);
        assert_eq!(distance("linux/arm64", "linux/arm64/v8"), Some(0));
        assert_eq!(distance("linux/amd64", "linux/arm64"), None);
        assert!(distance("linux/arm/v7", "linux/arm64") > distance("linux/arm64", "linux/arm64"));
        assert_eq!(distance("windows/amd64", "linux/amd64"), None);
    }
}
