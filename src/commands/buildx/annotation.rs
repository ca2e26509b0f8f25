//! `--annotation` as buildx reads it: `index:KEY=VALUE`, `manifest-descriptor[PLATFORM]:KEY=VALUE`
//! (<https://github.com/docker/buildx/blob/v0.24.0/util/buildflags/export.go>).

use crate::error::{Error, Kind, Result};
use crate::image::Platform;
use crate::image::combined::{About, Annotation};

/// The annotations of one flag: a key may be for several things.
pub(super) fn parse(text: &str) -> Result<Vec<Annotation>> {
    let wrong = |why: String| Error::new(Kind::Usage, format!("failed to parse annotations: {why}"));
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let Some((key, value)) = text.split_once('=') else {
        return Err(wrong(format!("invalid annotation {text:?}, expected key=value")));
    };
    let Some((kinds, key)) = key.split_once(':') else {
        return Err(unsupported(""));
    };
    let annotation = |kind: &str| {
        Ok(Annotation {
            about: about(kind, &wrong)?,
            key: key.to_owned(),
            text: value.to_owned(),
        })
    };
    kinds.split(',').map(annotation).collect()
}

fn about(kind: &str, wrong: &dyn Fn(String) -> Error) -> Result<About> {
    let (name, platform) = match kind.split_once('[') {
        Some((name, rest)) => {
            let platform = rest.strip_suffix(']').ok_or_else(|| {
                let expected = "expected type and optional platform in square brackets";
                wrong(format!("invalid annotation type and platform {kind:?}, {expected}"))
            })?;
            (name, Some(Platform::parse(platform).map_err(|e| wrong(e.to_string()))?))
        }
        None => (kind, None),
    };
    match name {
        "index" => Ok(About::Index),
        "manifest-descriptor" => Ok(About::Members(platform)),
        "manifest" => Err(unsupported("manifest")),
        "index-descriptor" => Err(Error::new(
            Kind::Unsupported,
            "\"index-descriptor\" annotations are invalid while creating an image",
        )),
        other => Err(wrong(format!("unknown annotation type {other:?}"))),
    }
}

fn unsupported(kind: &str) -> Error {
    Error::new(Kind::Unsupported, format!("{kind:?} annotations are not supported yet"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_about_the_index_or_its_members() {
        let one = parse("index,manifest-descriptor[linux/amd64]:org.x.y=a=b:c").unwrap();
        assert_eq!(
            (one.len(), one[0].key.as_str(), one[0].text.as_str()),
            (2, "org.x.y", "a=b:c")
        );
        assert_eq!(one[0].about, About::Index);
        let amd64 = Platform::parse("linux/amd64").unwrap();
        assert_eq!(one[1].about, About::Members(Some(amd64)));
        assert!(parse("").unwrap().is_empty());
        for (text, words) in [
            (
                "x",
                "failed to parse annotations: invalid annotation \"x\", expected key=value",
            ),
            ("x=y", "\"\" annotations are not supported yet"),
            ("manifest:x=y", "\"manifest\" annotations are not supported yet"),
            (
                "index-descriptor:x=y",
                "\"index-descriptor\" annotations are invalid while creating an image",
            ),
            (
                "thing:x=y",
                "failed to parse annotations: unknown annotation type \"thing\"",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), words);
        }
        assert!(parse("index[linux/amd64:x=y").is_err());
    }
}
