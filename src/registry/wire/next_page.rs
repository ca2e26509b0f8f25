//! Where a list goes on, by the links of its pages (RFC 8288).

use reqwest::Url;
use reqwest::header::{HeaderMap, LINK};

/// Where a list goes on.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::registry) enum NextPage {
    /// It is at its end.
    None,
    At(Url),
    /// It goes on, but this is no address.
    Unreadable(String),
}

/// The longest link that is followed, and the longest part of another one that is shown, in bytes.
const MAX_LINK: usize = 16 << 10;
const SHOWN_LINK: usize = 200;

/// The next page of a list. A lone link that does not say what it leads to leads on, where it leads to a list
/// of the same sort: go-containerregistry reads none of what stands beside a link.
pub(in crate::registry) fn next_page(headers: &HeaderMap, asked: &Url) -> NextPage {
    let lines: Vec<_> = headers
        .get_all(LINK)
        .iter()
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    let all: Vec<(&str, &str)> = lines.iter().flat_map(|line| links(line)).collect();
    if let Some((target, _)) = all.iter().find(|(_, parameters)| is_next(parameters)) {
        return resolve(target, asked);
    }
    match all.as_slice() {
        [(target, parameters)] if relations(parameters).is_none() => match resolve(target, asked) {
            // With no query it would be the first page again, and some only name themselves.
            NextPage::At(next) if next.path() == asked.path() && next.query().is_some() && next != *asked => {
                NextPage::At(next)
            }
            _ => NextPage::None,
        },
        _ => NextPage::None,
    }
}

/// The links of one line with their parameters. Cloudflare's serverless-registry writes a lone one without `<>`.
fn links(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_bare = !line.contains('<') && !line.trim().is_empty();
    let bare = is_bare.then(|| line.split_once(';').unwrap_or((line, "")));
    let pieces = line.split('<').skip(1).map(|piece| match piece.split_once('>') {
        Some(both) => both,
        None => piece.split_once(';').unwrap_or((piece, "")),
    });
    bare.into_iter().chain(pieces)
}

fn is_next(parameters: &str) -> bool {
    let Some(relations) = relations(parameters) else {
        return false;
    };
    let mut relations = relations.split_ascii_whitespace();
    relations.any(|relation| relation.eq_ignore_ascii_case("next"))
}

/// What a link leads to, by its own word.
fn relations(parameters: &str) -> Option<&str> {
    parameters.split([';', ',']).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_relation = name.trim().eq_ignore_ascii_case("rel");
        is_relation.then(|| value.trim().trim_matches(['"', '\'']))
    })
}

/// The page on the origin that was asked: proxies that end TLS forget it in their links (`pulp_container#220`), others
/// name a host that only they know (git-pkgs/proxy#280). A list stays at its path: Artifactory's links lack the part
/// of it that names the repository key (renovate#15030).
fn resolve(target: &str, asked: &Url) -> NextPage {
    let target = target.trim().trim_matches(['"', '\'']);
    // Some templates write a link as a page for browsers has it.
    let target = &*target.replace("&amp;", "&");
    let link = (target.len() <= MAX_LINK).then(|| asked.join(target).ok()).flatten();
    let Some(link) = link.filter(|link| matches!(link.scheme(), "http" | "https")) else {
        let shown = target.chars().take(SHOWN_LINK).filter(|c| !c.is_control());
        return NextPage::Unreadable(shown.collect());
    };
    let mut next = asked.clone();
    next.set_query(link.query());
    let end = |url: &Url| url.path().rsplit('/').next().map(str::to_owned);
    if end(&link) != end(asked) {
        next.set_path(link.path());
    }
    NextPage::At(next)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn headers(line: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, HeaderValue::try_from(line).unwrap());
        headers
    }

    #[test]
    fn the_next_page_is_found_among_links() {
        let asked = Url::parse("https://h/v2/_catalog?n=2").unwrap();
        let next = |line: &str| next_page(&headers(line), &asked);
        let page = || NextPage::At(Url::parse("https://h/v2/_catalog?last=b&n=2").unwrap());
        for line in [
            r#"</v2/_catalog?last=b&n=2>; rel="next""#,
            r#"</x>; rel="prev", <?last=b&n=2>; title="a, b"; Rel=next"#,
            r#"<?last=b&n=2>; rel = "last Next""#,
            "http://h/v2/_catalog?last=b&n=2; rel=next",
            "<http://h/v2/_catalog?last=b&n=2>; rel=next",
            "<https://internal:5000/v2/_catalog?last=b&n=2>; rel=next",
            "</_catalog?last=b&n=2>; rel=next",
            "<?last=b&n=2; rel=next",
            "<?last=b&n=2>; rel='next'",
            "<?last=b&n=2>; rel='last next'",
            "<?last=b&amp;n=2>; rel=next",
            "<\"/v2/_catalog?last=b&n=2\">; rel=next",
            "\"/v2/_catalog?last=b&n=2\"; rel=next",
            "</v2/_catalog?last=b&n=2>",
            "</v2/_catalog?last=b&n=2>; title=\"more\"",
            "/v2/_catalog?last=b&n=2",
        ] {
            assert_eq!(next(line), page(), "{line}");
        }
        for none in [
            "",
            "<",
            "</x>",
            r#"</x>; rel="last""#,
            "</x>; rel=nextish",
            "rel=next",
            "<>>>;<<",
            "</v2/_catalog>",
            "</docs?x=y>",
            "</v2/_catalog?n=2>",
            "</v2/_catalog?last=b>; rel=",
            "</v2/_catalog?last=b>, </v2/_catalog?last=c>",
        ] {
            assert_eq!(next(none), NextPage::None, "{none}");
        }
        for unreadable in ["https://[", "ftp://h/x", &"x".repeat(MAX_LINK + 1)] {
            let found = next(&format!("<{unreadable}>; rel=next"));
            assert!(matches!(found, NextPage::Unreadable(link) if unreadable.starts_with(&link)));
        }
    }

    #[test]
    fn a_list_keeps_its_path_and_its_origin() {
        let asked = Url::parse("https://h:8443/v2/key/app/tags/list?n=3").unwrap();
        let next = |target: &str| match next_page(&headers(&format!("<{target}>; rel=next")), &asked) {
            NextPage::At(url) => url.to_string(),
            other => panic!("{other:?}"),
        };
        let page = "https://h:8443/v2/key/app/tags/list?last=b";
        for target in [
            "/v2/app/tags/list?last=b",
            "/key/app/tags/list?last=b",
            "http://h/v2/key/app/tags/list?last=b",
        ] {
            assert_eq!(next(target), page, "{target}");
        }
        assert_eq!(next("https://x/pages/2?last=b"), "https://h:8443/pages/2?last=b");
    }
}
