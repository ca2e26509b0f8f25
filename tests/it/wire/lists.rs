//! Tags and catalogs over all their pages, and searches where a registry offers them.

use serde_json::{Value, json};

use super::{Line, first_line};
use crate::support::fault::Reply;
use crate::support::recorder::Recorder;
use crate::support::sandbox::Sandbox;

/// Serves this list in pages of `size`, linked by URLs that begin with `base`.
fn serve(recorder: &Recorder, path: &'static str, member: &'static str, entries: Vec<Value>, size: usize, base: &str) {
    let base = base.to_owned();
    recorder.on_path("GET", path).respond(move |request| {
        let from: usize = match request.path.split_once("from=") {
            Some((_, from)) => from.parse().unwrap(),
            None => 0,
        };
        let to = entries.len().min(from + size);
        let reply = Reply::json(200, &json!({member: entries[from..to]}));
        Some(if to < entries.len() {
            reply.header("Link", &format!("<{base}{path}?from={to}>; rel=\"next\""))
        } else {
            reply
        })
    });
}

#[test]
fn thousands_of_tags_come_page_by_page() {
    let tags: Vec<Value> = (0..5000).map(|number| json!(format!("1.{number}"))).collect();
    for is_absolute in [false, true] {
        let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
        let base = if is_absolute { recorder.url() } else { String::new() };
        serve(&recorder, "/v2/x/tags/list", "tags", tags.clone(), 700, &base);
        let run = sandbox.rdock(&["tags", "-q", &format!("{}/x", recorder.host())]).ok();
        let lines: Vec<&str> = run.stdout.lines().collect();
        assert_eq!(lines.len(), 5000);
        assert_eq!((lines[2], lines[10], lines[4999]), ("1.2", "1.10", "1.4999"));
        assert_eq!(recorder.count(|request| request.path.contains("/tags/")), 8);
    }
}

#[test]
fn a_next_page_on_another_host_is_not_asked_for() {
    let (sandbox, recorder, other) = (Sandbox::new(), Recorder::alone(), Recorder::alone());
    let tags = vec![json!("a"), json!("b")];
    serve(&recorder, "/v2/x/tags/list", "tags", tags, 1, &other.url());
    let run = sandbox.rdock(&["tags", "-q", &format!("{}/x", recorder.host())]).ok();
    assert_eq!(run.stdout, "a\n");
    assert_eq!(other.requests().len(), 0);
}

#[test]
fn nulls_and_names_that_cannot_be_are_left_out() {
    for (list, expected) in [
        (json!({"tags": null}), ""),
        (json!({"name": "x"}), ""),
        (
            json!({"tags": [null, "ok", "sha256:abc", "a b", "-x", "", 7, {"a": 1}, "\u{1b}[2J", "../up"]}),
            "ok\n",
        ),
    ] {
        let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
        recorder
            .on_path("GET", "/tags/list")
            .respond(move |_| Some(Reply::json(200, &list)));
        let run = sandbox.rdock(&["tags", "-q", &format!("{}/x", recorder.host())]).ok();
        assert_eq!(run.stdout, expected);
    }
}

#[test]
fn a_registry_with_a_page_size_of_its_own_is_asked_without_one() {
    let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
    let refusal = json!({"errors": [{"code": "PAGINATION_NUMBER_INVALID", "message": "n"}]}).to_string();
    recorder.on_path("GET", "n=1000").answer(400, &[], refusal);
    recorder
        .on_path("GET", "/tags/list")
        .answer(200, &[], r#"{"tags":["a"]}"#);
    let run = sandbox.rdock(&["tags", "-q", &format!("{}/x", recorder.host())]).ok();
    assert_eq!(run.stdout, "a\n");
}

#[test]
fn tags_of_nothing_are_an_error() {
    let line = Line::small();
    let name = format!("{}/team/none", line.recorder.host());
    let run = line.sandbox.rdock(&["tags", &name]).fails(1);
    assert_eq!(
        first_line(&run),
        format!("repository {name} not found: name unknown: repository name not known to registry")
    );
}

#[test]
fn a_catalog_comes_page_by_page() {
    let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
    let mut names: Vec<Value> = (0..250).map(|number| json!(format!("team/app-{number:03}"))).collect();
    names.extend([json!(null), json!("Not/A Name"), json!("../up"), json!(7)]);
    serve(&recorder, "/v2/_catalog", "repositories", names, 100, "");
    let host = recorder.host();
    let run = sandbox.rdock(&["catalog", "-q", &host]).ok();
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 250);
    assert_eq!(lines[249], format!("{host}/team/app-249"));
}

#[test]
fn a_refused_catalog_says_why() {
    for (status, why) in [
        (401, "unauthorized"),
        (403, "denied: requested access to the resource is denied"),
        (404, "HOST does not list its repositories"),
        (405, "HOST does not list its repositories"),
    ] {
        let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
        let body = match status {
            403 => {
                r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied","detail":[]}]}"#
            }
            _ => "",
        };
        recorder.on_path("GET", "/v2/_catalog").answer(status, &[], body);
        for arguments in [["catalog", "HOST"], ["search", "HOST/app"]] {
            let last = arguments[1].replace("HOST", &recorder.host());
            let run = sandbox.rdock(&[arguments[0], &last]).fails(1);
            assert!(
                first_line(&run).contains(&why.replace("HOST", &recorder.host())),
                "{status}: {run}"
            );
        }
    }
}

#[test]
fn a_registry_s_own_search_is_used() {
    let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
    let results = json!({"results": [
        {"name": "team/app", "description": "an app", "star_count": 7, "is_official": false, "is_automated": true},
        {"name": "team/\u{1b}[2Japp", "description": null, "star_count": null},
    ]});
    recorder
        .on_path("GET", "/v1/search")
        .respond(move |_| Some(Reply::json(200, &results)));
    let run = sandbox
        .rdock(&["search", "--limit", "9", &format!("{}/app", recorder.host())])
        .ok();
    let rows: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(rows.len(), 3, "{run}");
    assert!(
        rows[1].starts_with("team/app ") && rows[1].contains("an app") && rows[1].contains("[OK]"),
        "{run}"
    );
    assert!(!run.stdout.contains('\u{1b}'), "{run}");
    assert_eq!(recorder.count(|request| request.path == "/v1/search?q=app&n=9"), 1);
    assert_eq!(recorder.count(|request| request.path.contains("_catalog")), 0);
}

#[test]
fn without_a_search_the_catalog_is_looked_through() {
    for (status, body) in [
        (404, "404 page not found\n"),
        (200, "<html>welcome</html>"),
        (405, ""),
        (501, ""),
    ] {
        let line = Line::small();
        line.recorder.on_path("GET", "/v1/search").answer(status, &[], body);
        let host = line.recorder.host();
        let run = line.sandbox.rdock(&["search", &format!("{host}/AP")]).ok();
        assert_eq!(run.stdout.lines().count(), 2, "{run}");
        assert!(run.stdout.contains(&format!("\n{host}/team/app ")), "{run}");
        let none = line.sandbox.rdock(&["search", &format!("{host}/nothing-like-it")]).ok();
        assert_eq!(none.stdout.lines().count(), 1, "{none}");
    }
}
