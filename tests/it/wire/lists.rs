//! Tags and catalogs over all their pages.

use serde_json::{Value, json};

use super::{HOST, Line, World, first_line};
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
fn every_page_comes_however_the_link_to_it_is_written() {
    let other = Recorder::alone();
    let elsewhere = other.url();
    let forms: [(&str, String); 19] = [
        ("</v2/key/x/tags/list?", format!("<{elsewhere}/v2/key/x/tags/list?")),
        (
            "</v2/key/x/tags/list?",
            "<http://registry.internal:5000/v2/key/x/tags/list?".to_owned(),
        ),
        // Artifactory (renovate#15030)
        ("</v2/key/x/tags/list?", "</v2/x/tags/list?".to_owned()),
        ("</v2/key/x/tags/list?", "</key/x/tags/list?".to_owned()),
        ("</v2/key/x/tags/list?", "<?".to_owned()),
        ("rel=\"next\"", "rel=next".to_owned()),
        ("rel=\"next\"", "REL=\"NEXT\"".to_owned()),
        ("; rel=\"next\"", ";title=\"a, b; c\";rel=\"last next\"".to_owned()),
        ("from=2>", "from=2#here>".to_owned()),
        ("</v2", "<https://127.0.0.1/v2".to_owned()),
        ("</v2", "</v2/other>; rel=\"prev\", </v2".to_owned()),
        ("next\"", "next\", </v2/other>; rel=\"first\"".to_owned()),
        ("</v2/key/x/tags/list", "</v2/key/x/tags/list/../list".to_owned()),
        // Cloudflare's serverless-registry
        (
            "</v2/key/x/tags/list?from=2>; rel=\"next\"",
            "/v2/key/x/tags/list?from=2; rel=next".to_owned(),
        ),
        (
            "</v2/key/x/tags/list?from=2>; rel=\"next\"",
            "/v2/key/x/tags/list?from=2".to_owned(),
        ),
        ("rel=\"next\"", "rel='next'".to_owned()),
        // What stands beside a link is not read by go-containerregistry.
        ("; rel=\"next\"", String::new()),
        ("?from", "?x=a&amp;from".to_owned()),
        (
            "</v2/key/x/tags/list?from=2>",
            "<\"/v2/key/x/tags/list?from=2\">".to_owned(),
        ),
    ];
    for (right, written) in forms {
        let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
        recorder.on_path("GET", "/v2/key/x/tags/list").respond(move |request| {
            let (tags, next) = match request.path.split_once("from=") {
                None => (["1", "2"], Some("</v2/key/x/tags/list?from=2>; rel=\"next\"")),
                Some(_) => (["3", "4"], None),
            };
            let reply = Reply::json(200, &json!({ "tags": tags }));
            Some(match next {
                Some(next) => reply.header("Link", &next.replace(right, &written)),
                None => reply,
            })
        });
        let run = sandbox
            .rdock(&["tags", "-q", &format!("{}/key/x", recorder.host())])
            .ok();
        assert_eq!(run.stdout, "1\n2\n3\n4\n", "{right}");
    }
    assert_eq!(other.requests().len(), 0);
}

#[test]
fn a_link_that_forgot_the_encryption_is_put_right() {
    let world = World::new();
    let base = format!("http://{HOST}");
    let tags: Vec<Value> = (1..=5).map(|number| json!(number.to_string())).collect();
    serve(&world.front, "/v2/x/tags/list", "tags", tags, 2, &base);
    let names: Vec<Value> = (1..=5).map(|number| json!(format!("a/r{number}"))).collect();
    serve(&world.front, "/v2/_catalog", "repositories", names, 2, &base);
    let run = world.sandbox.rdock(&["tags", "-q", &format!("{HOST}/x")]).ok();
    assert_eq!(run.stdout, "1\n2\n3\n4\n5\n");
    let run = world.sandbox.rdock(&["catalog", "-q", HOST]).ok();
    assert_eq!(run.stdout.lines().count(), 5);
    world.front.on_path("GET", "/v1/search").answer(404, &[], "");
    let run = world.sandbox.rdock(&["search", &format!("{HOST}/r5")]).ok();
    assert!(run.stdout.contains("a/r5"), "{run}");
    assert_eq!(world.plain.requests().len(), 0);
}

/// Lists that go on where nothing comes: what follows the part of the first page that was to lead on.
const DEAD_ENDS: [(&str, &str, &str); 8] = [
    ("</v2/gone?n=1>; rel=next", "/v2/gone?n=1", "404"),
    ("</v2/shut?n=1>; REL=NEXT", "/v2/shut?n=1", "unauthorized"),
    ("</v2/busy?n=1>;rel=\"next\"", "/v2/busy?n=1", "toomanyrequests"),
    ("</v2/page?n=1>; rel=next", "/v2/page?n=1", "no list came"),
    ("</v2/json?n=1>; rel=next", "/v2/json?n=1", "no list came"),
    ("</v2/wall?n=1>; rel=next", "/v2/wall?n=1", "no list came"),
    ("<LIST>; rel=next", "LIST", "this page was read before"),
    ("<ftp://far/x>; rel=next", "ftp://far/x", "this is no address"),
];

/// Answers a list's first page, and makes the rest of it unreachable.
fn cut(recorder: &Recorder, path: &'static str, body: &Value, link: &str) {
    let reply = Reply::json(200, body);
    let link = link.to_owned();
    recorder
        .on_path("GET", path)
        .respond(move |request| Some(reply.clone().header("Link", &link.replace("LIST", &request.path))));
    recorder.on_path("GET", "/v2/gone").answer(404, &[], "");
    recorder.on_path("GET", "/v2/shut").answer(401, &[], "");
    let used_up = [("ratelimit-remaining", "0;w=21600")];
    recorder
        .on_path("GET", "/v2/busy")
        .answer(429, &used_up, "{\"message\":\"later\"}");
    let html = [("Content-Type", "text/html")];
    recorder
        .on_path("GET", "/v2/page")
        .answer(200, &html, "<html>welcome</html>");
    let refusal = "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"who are you\"}]}";
    recorder.on_path("GET", "/v2/json").answer(200, &[], refusal);
    recorder.on_path("GET", "/v2/wall").redirect(302, "/signin");
    recorder
        .on_path("GET", "/signin")
        .answer(200, &html, "<html>sign in</html>");
}

#[test]
fn a_list_that_cannot_be_finished_is_shown_as_far_as_it_came() {
    for (link, place, why) in DEAD_ENDS {
        let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
        cut(&recorder, "/tags/list", &json!({"tags": ["1", "2"]}), link);
        cut(&recorder, "/v2/_catalog", &json!({"repositories": ["a/one"]}), link);
        let host = recorder.host();
        let name = format!("{host}/x");
        for (arguments, shown, list) in [
            (["tags", &name], "TAG\n1\n2\n", "/v2/x/tags/list?n=1000"),
            (["catalog", &host], "a/one", "/v2/_catalog"),
            (["search", &format!("{host}/one")], "a/one", "/v2/_catalog"),
        ] {
            let run = sandbox.rdock(&arguments).fails(1);
            assert!(run.stdout.contains(shown), "{run}");
            let place = place.replace("LIST", list);
            let said = first_line(&run);
            assert!(
                said.contains("is cut short at") && said.contains(&place) && said.contains(why),
                "{run}"
            );
        }
    }
}

#[test]
fn nothing_is_removed_or_copied_by_a_list_that_was_cut() {
    for (link, ..) in DEAD_ENDS {
        let line = Line::small();
        line.recorder
            .on_path("DELETE", "/manifests/latest")
            .answer(400, &[], "{}");
        cut(&line.recorder, "/tags/list", &json!({"tags": ["latest"]}), link);
        cut(
            &line.recorder,
            "/v2/_catalog",
            &json!({"repositories": ["team/app"]}),
            link,
        );
        let host = line.recorder.host();
        let name = format!("{host}/team/app");
        let there = format!("{host}/there");
        for arguments in [
            &["rmi", "--remote", "--force", &name] as &[&str],
            &["copy", "--all-tags", &name, &there],
            &["copy", "--all-tags", "--referrers", &name, &there],
            &["copy", "--referrers", &name, &there],
            &["copy", "--all", &host, &there],
            &["pull", "--all-tags", &name],
        ] {
            let run = line.sandbox.rdock(arguments).fails(1);
            assert!(run.stderr.contains("is cut short at"), "{run}");
        }
        let is_write = |method: &str| ["PUT", "POST", "PATCH"].contains(&method);
        assert_eq!(line.recorder.count(|r| is_write(&r.method)), 0);
        assert_eq!(
            line.recorder
                .count(|r| r.method == "DELETE" && r.path.contains("sha256:")),
            0
        );
    }
}

#[test]
fn a_list_without_end_comes_to_one() {
    for (page, why) in [
        // The same page, and ever new ones without anything new.
        ("n=0", "this page was read before"),
        ("n=0&last=NUMBER", "it has no end"),
        ("last=NUMBER", "it has no end"),
    ] {
        let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
        let number = std::sync::atomic::AtomicU32::new(0);
        recorder.on_path("GET", "/v2/x/tags/list").respond(move |_| {
            let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
            let tags = if page.starts_with("n=0") {
                json!([])
            } else {
                json!(["1"])
            };
            let reply = Reply::json(200, &json!({"name": "x", "tags": tags}));
            let page = page.replace("NUMBER", &number);
            Some(reply.header("Link", &format!("</v2/x/tags/list?{page}>; rel=\"next\"")))
        });
        let run = sandbox.rdock(&["tags", &format!("{}/x", recorder.host())]).fails(1);
        assert!(first_line(&run).contains(why), "{run}");
    }
}

#[test]
fn many_pages_that_overlap_name_each_tag_once() {
    let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
    recorder.on_path("GET", "/v2/x/tags/list").respond(|request| {
        let from: u32 = request
            .path
            .split_once("from=")
            .map_or(0, |(_, from)| from.parse().unwrap());
        let reply = Reply::json(
            200,
            &json!({"tags": ["0", from.to_string(), null, (from + 1).to_string()]}),
        );
        Some(if from < 300 {
            reply.header("Link", &format!("<?from={}>; rel=next", from + 1))
        } else {
            reply
        })
    });
    let run = sandbox.rdock(&["tags", "-q", &format!("{}/x", recorder.host())]).ok();
    let all: Vec<String> = (0..=301).map(|number| number.to_string()).collect();
    assert_eq!(run.stdout.lines().collect::<Vec<_>>(), all);
}

#[test]
fn any_other_json_is_no_list() {
    for body in [
        "{}",
        "[]",
        "null",
        "\"x\"",
        "{\"errors\":[]}",
        "{\"tags\":7}",
        "{\"repositories\":{}}",
    ] {
        let (sandbox, recorder) = (Sandbox::new(), Recorder::alone());
        recorder
            .on(|_| true)
            .answer(200, &[("Content-Type", "application/json")], body);
        let host = recorder.host();
        for arguments in [["tags", &format!("{host}/x")], ["catalog", &host]] {
            let run = sandbox.rdock(&arguments).fails(1);
            assert!(
                first_line(&run).contains("is not valid JSON") || first_line(&run).contains("is no list"),
                "{run}"
            );
        }
    }
}

#[test]
fn a_tag_that_cannot_be_looked_at_keeps_its_siblings_from_being_removed() {
    for status in [400, 403, 405, 418, 500, 501, 507] {
        let line = Line::small();
        line.registry.push("team/app", "sibling", &line.image);
        line.recorder
            .on_path("GET", "/manifests/sibling")
            .answer(status, &[("Retry-After", "0")], "");
        for (method, part) in [("HEAD", "/manifests/sibling"), ("DELETE", "/manifests/latest")] {
            line.recorder.on_path(method, part).answer(405, &[], "");
        }
        let run = line.sandbox.rdock(&["rmi", "--remote", &line.name()]).fails(1);
        assert_eq!(
            line.recorder
                .count(|r| r.method == "DELETE" && r.path.contains("sha256:")),
            0,
            "{status}: {run}"
        );
    }
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
