//! The search of the fake Docker Hub, with canned results.

use serde_json::{Value, json};

use super::fault::Reply;
use super::recorder::{Recorded, Recorder};
use super::token::{pairs, value};

/// Makes a server without anything behind it a search index with these results for `nginx`.
pub(crate) fn serve(index: &Recorder, results: Vec<Value>) {
    index
        .on_path("GET", "/v1/_ping")
        .answer(200, &[("X-Docker-Registry-Version", "0.9")], r#"{"standalone":true}"#);
    index
        .on_path("GET", "/v1/search")
        .respond(move |request| Some(search(request, &results)));
}

/// The answer to a search; `q` and `n` as in the query.
fn search(request: &Recorded, results: &[Value]) -> Reply {
    let query = request.path.split_once('?').map_or("", |(_, query)| query);
    let query = pairs(query);
    let term = value(&query, "q");
    let limit = value(&query, "n").parse().unwrap_or(25);
    match term {
        // Who tries again need not wait.
        "boom" => {
            return Reply::new(500, "internal oops")
                .header("Content-Type", "text/plain")
                .header("Retry-After", "0");
        }
        "needauth" if request.header("authorization").is_none() => {
            return Reply::json(401, &json!({"error": "auth"}));
        }
        _ => {}
    }
    let results = if term.contains("nginx") { results } else { &[] };
    let results = &results[..results.len().min(limit)];
    Reply::json(
        200,
        &json!({
            "num_results": results.len(), "query": term, "results": results,
            "page_size": limit, "num_pages": 1, "page": 1,
        }),
    )
}

/// Results that show what a table has to cope with.
pub(crate) fn results() -> Vec<Value> {
    let long = "a-very-long-user-name/a-very-long-repository-name-for-nginx";
    let wide = "ünïcödé déscrîptîøn 日本語日本語日本語日本語日本語日本語日本語日本語 tail";
    let entry = |name: &str, description: &str, stars: u32, official: bool, automated: bool| {
        json!({
            "name": name, "description": description, "star_count": stars,
            "is_official": official, "is_automated": automated,
        })
    };
    let proxy = "Automated Nginx reverse proxy for docker containers";
    let two_lines = "bitnami nginx Docker Image\nwith a newline";
    vec![
        entry("nginx", "Official build of Nginx.", 20512, true, false),
        entry("jwilder/nginx-proxy", proxy, 1567, false, true),
        entry("bitnami/nginx", two_lines, 68, false, true),
        entry("exactly45/nginx", &"a".repeat(45), 46, false, false),
        entry("exactly46/nginx", &"b".repeat(46), 45, false, false),
        entry("unicode/nginx", wide, 9, false, false),
        entry("empty/nginx", "", 0, false, false),
        entry(long, "short", 3, false, false),
        entry(
            "zhongwen/nginx",
            "中文说明:高性能的网页服务器和反向代理",
            2,
            false,
            false,
        ),
    ]
}
