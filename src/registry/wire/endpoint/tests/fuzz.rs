use super::super::*;
use crate::image::Reference;
use crate::registry::wire::Wire;
use crate::tests::fuzz::Target;

#[test]
fn a_registry_s_host_is_nothing_but_a_host() {
    let seeds = [
        "h.example.com:5000",
        "docker.io",
        "[::1]:5000",
        "0x7f.1",
        "xn--a",
        "localhost",
    ];
    let words = [
        "/", ":", "@", "?", "#", "\\", "[", "]", "::", "%", ".", "-", "\u{ff41}", "\u{ad}", "99999",
    ];
    Target::text("registry-hosts", seeds, &words).check_texts(|text| {
        let wire = Wire::new(Trust::default());
        let url = wire.endpoint(text).url("https");
        if let Ok(url) = &url {
            assert!(
                url.path() == "/" && !has_login(url) && url.query().is_none() && url.fragment().is_none(),
                "{url}"
            );
            assert!(url.scheme() == "https" && url.host_str().is_some_and(|host| !host.is_empty()));
        }
        // What stands in a reference leads to the host that is read there.
        let reference = Reference::parse(&format!("{text}/a/b"));
        let domain = reference
            .ok()
            .map(|it| it.domain().to_owned())
            .filter(|domain| domain == text && domain != HUB);
        if let (Some(domain), Ok(url)) = (&domain, &url) {
            let shown = domain.to_ascii_lowercase();
            let is_same = shown.starts_with(url.host_str().unwrap_or("?"));
            let is_address = url.domain().is_none();
            assert!(is_same || is_address, "{domain} {url}");
        }
        (url.is_ok(), domain.is_some())
    });
}
