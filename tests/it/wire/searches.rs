//! Searches, where a registry offers one and where its catalog has to do.

use serde_json::json;

use super::Line;
use crate::support::fault::Reply;
use crate::support::recorder::Recorder;
use crate::support::sandbox::Sandbox;

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
