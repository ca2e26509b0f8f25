//! `search`, `tags` and `catalog`: straight columns, docker's filters, and servers that want to steer the terminal.

use serde_json::json;

use crate::support::fault::Reply;
use crate::support::hub::Hub;
use crate::support::image::Image;
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

fn on_hub() -> (Hub, Sandbox) {
    let (hub, mut sandbox) = (Hub::new(), Sandbox::new());
    hub.internet().apply(&mut sandbox);
    (hub, sandbox)
}

#[test]
fn search_columns_stay_straight_with_wide_text() {
    let (_hub, sandbox) = on_hub();
    let found = sandbox.rdock(&["search", "nginx"]).ok();
    let b = "b".repeat(44);
    let a = "a".repeat(45);
    let name = 62;
    let line = |cells: [&str; 4]| {
        let wide = cells[1].chars().filter(|c| *c >= '\u{2e80}').count();
        let description = 48 - wide;
        format!(
            "{:name$}{:description$}{:10}{:11}",
            cells[0], cells[1], cells[2], cells[3]
        )
    };
    let expected = [
        line(["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]) + "AUTOMATED",
        line(["nginx", "Official build of Nginx.", "20512", "[OK]"]),
        line([
            "jwilder/nginx-proxy",
            "Automated Nginx reverse proxy for docker con…",
            "1567",
            "",
        ]) + "[OK]",
        line(["bitnami/nginx", "bitnami nginx Docker Image with a newline", "68", ""]) + "[OK]",
        line(["exactly45/nginx", &a, "46", ""]),
        line(["exactly46/nginx", &format!("{b}…"), "45", ""]),
        line([
            "unicode/nginx",
            "ünïcödé déscrîptîøn 日本語日本語日本語日本語…",
            "9",
            "",
        ]),
        line(["empty/nginx", "", "0", ""]),
        line([
            "a-very-long-user-name/a-very-long-repository-name-for-nginx",
            "short",
            "3",
            "",
        ]),
        line(["zhongwen/nginx", "中文说明:高性能的网页服务器和反向代理", "2", ""]),
    ];
    assert_eq!(found.stdout.lines().collect::<Vec<_>>(), expected, "{found}");
    let whole = sandbox.rdock(&["search", "--no-trunc", "nginx"]).ok();
    assert!(
        whole
            .stdout
            .contains("日本語日本語日本語日本語日本語日本語日本語日本語 tail"),
        "{whole}"
    );
    assert!(whole.stdout.contains("docker containers   "), "{whole}");
}

#[test]
fn search_takes_docker_s_filters_and_limit() {
    let (hub, sandbox) = on_hub();
    let names = |flags: &[&str]| -> Vec<String> {
        let arguments = [&["search"], flags, &["nginx"]].concat();
        let found = sandbox.rdock(&arguments).ok();
        let names = found.stdout.lines().skip(1);
        names.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&["--limit", "2"]), ["nginx", "jwilder/nginx-proxy"]);
    assert_eq!(
        names(&["-f", "stars=3", "--filter=stars=60"]),
        ["nginx", "jwilder/nginx-proxy", "bitnami/nginx"]
    );
    assert_eq!(names(&["-f", "is-official=true"]), ["nginx"]);
    assert_eq!(
        names(&["-f", "is-official=false", "-f", "stars=1000"]),
        ["jwilder/nginx-proxy"]
    );
    let automated = sandbox.rdock(&["search", "-f", "is-automated=true", "nginx"]).ok();
    assert_eq!(automated.stdout.lines().count(), 3);
    assert_eq!(
        automated.stderr,
        "WARNING: the \"is-automated\" filter is deprecated, and searching for \"is-automated=true\" will not yield \
         any results in future.\n"
    );
    let asked = hub.index().count(|r| r.is("GET", "/v1/search?q=nginx&n=2"));
    assert!(asked >= 1);
    for (flag, words) in [
        (
            "stars=abc",
            "invalid filter 'stars=abc': strconv.Atoi: parsing \"abc\": invalid syntax\n",
        ),
        ("is-official=maybe", "invalid filter 'is-official=[maybe]'\n"),
        ("bogus=1", "invalid filter 'bogus'\n"),
    ] {
        assert_eq!(sandbox.rdock(&["search", "-f", flag, "nginx"]).fails(1).stderr, words);
    }
    let bad = sandbox.rdock(&["search", "-f", "x", "nginx"]).fails(125);
    assert!(
        bad.stderr.starts_with(
            "invalid argument \"x\" for \"-f, --filter\" flag: bad format of filter (expected name=value)\n"
        ),
        "{bad}"
    );
    let none = sandbox.rdock(&["search", "nosuch"]).ok();
    assert_eq!(none.stdout, "NAME      DESCRIPTION   STARS     OFFICIAL   AUTOMATED\n");
    let broken = sandbox.rdock(&["search", "boom"]).fails(1);
    assert_eq!(broken.stderr, "Unexpected status code 500\n");
}

#[test]
fn search_takes_docker_s_formats() {
    let (_hub, sandbox) = on_hub();
    let say = |format: &str| {
        let run = sandbox
            .rdock(&["search", "--limit", "2", "--format", format, "nginx"])
            .ok();
        run.stdout
    };
    assert_eq!(
        say("{{.Name}}: {{.StarCount}}"),
        "nginx: 20512\njwilder/nginx-proxy: 1567\n"
    );
    // Docker's client has dropped .IsAutomated, and so it is not in the JSON.
    let json = "{\"Description\":\"Official build of Nginx.\",\"IsOfficial\":\"true\",\"Name\":\"nginx\",\"StarCount\":\"20512\"}\n\
                {\"Description\":\"Automated Nginx reverse proxy for docker con…\",\"IsOfficial\":\"false\",\"Name\":\
                \"jwilder/nginx-proxy\",\"StarCount\":\"1567\"}\n";
    assert_eq!(say("json"), json);
    assert_eq!(say("{{json .}}"), json);
    assert_eq!(say("{{.IsAutomated}}|{{.IsOfficial}}"), "|[OK]\n[OK]|\n");
    assert_eq!(
        say("table {{.Name}}\\t{{.IsOfficial}}\\t{{.StarCount}}"),
        "NAME                  OFFICIAL   STARS\nnginx                 [OK]       20512\njwilder/nginx-proxy              1567\n"
    );
    assert_eq!(say(""), sandbox.rdock(&["search", "--limit", "2", "nginx"]).ok().stdout);
    let wrong = sandbox.rdock(&["search", "--format", "{{.Bogus}}", "nginx"]).fails(1);
    assert_eq!(
        (wrong.stdout.as_str(), wrong.stderr.as_str()),
        (
            "",
            "template parsing error: template: :1:2: executing \"\" at <.Bogus>: can't evaluate field Bogus in type \
             *registry.searchContext\n"
        )
    );
}

#[test]
fn tags_come_in_the_order_of_versions_and_as_json() {
    let (sandbox, registry) = (Sandbox::new(), Registry::open());
    let image = Image::small().write(&sandbox.root().join("image"));
    for tag in ["1.10", "1.9", "latest", "1.9.1", "1.9-rc1"] {
        registry.push("team/web", tag, &image);
    }
    let name = format!("{}/team/web", registry.host());
    let quiet = sandbox.rdock(&["tags", "-q", &name]).ok().stdout;
    let tags: Vec<&str> = quiet.lines().collect();
    let at = |tag: &str| tags.iter().position(|other| *other == tag).unwrap();
    assert_eq!(tags.len(), 5);
    assert!(at("1.9") < at("1.9.1") && at("1.9.1") < at("1.10"), "{tags:?}");
    assert_eq!(sandbox.rdock(&["tags", &name]).ok().stdout, format!("TAG\n{quiet}"));
    let json = sandbox.rdock(&["tags", "--json", &name]).ok().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json, json!({"name": name, "tags": tags}));
    let catalog = sandbox.rdock(&["catalog", "--json", &registry.host()]).ok().stdout;
    assert_eq!(catalog, format!("[\"{name}\"]\n"));
    assert_eq!(
        sandbox.rdock(&["catalog", "-q", &registry.host()]).ok().stdout,
        format!("{name}\n")
    );

    let missing = format!("{}/no/such", registry.host());
    let refused = sandbox.rdock(&["tags", &missing]).fails(1);
    assert_eq!(refused.stdout, "");
    assert_eq!(
        refused.stderr,
        format!("repository {missing} not found: name unknown: repository name not known to registry\n")
    );
    assert_eq!(
        sandbox.rdock(&["catalog", &Registry::open().host()]).ok().stdout,
        "REPOSITORY\n"
    );
}

/// Colours, a cleared screen, a new window title, a C1 code, text from right to left, a carriage return.
const EVIL: &str = "ev\u{1b}[2J\u{1b}]0;owned\u{7}il\u{9b}31m\u{202e}\r\u{8}x";

fn evil_server() -> Recorder {
    let server = Recorder::alone();
    server.on_path("GET", "/v1/search").respond(|_| {
        let hit = |name: &str| json!({"name": name, "description": EVIL, "star_count": 1});
        Some(Reply::json(200, &json!({"results": [hit("web"), hit(EVIL)]})))
    });
    server.on_path("GET", "/tags/list").respond(|_| {
        Some(Reply::json(
            200,
            &json!({"name": "x", "tags": ["1.0", EVIL, "a b", null]}),
        ))
    });
    server
        .on_path("GET", "/_catalog")
        .respond(|_| Some(Reply::json(200, &json!({"repositories": ["web", EVIL, "UP"]}))));
    server.on_path("GET", "/manifests/").respond(|_| {
        let error = json!({"code": "DENIED", "message": EVIL, "detail": EVIL});
        Some(Reply::json(403, &json!({"errors": [error]})))
    });
    server.on(|r| r.path == "/v2/").answer(200, &[], "{}");
    server
}

#[test]
fn a_hostile_server_cannot_steer_the_terminal() {
    let (sandbox, server) = (Sandbox::new(), evil_server());
    let name = |rest: &str| format!("{}/{rest}", server.host());
    for (arguments, code) in [
        (vec!["search", &name("web")], 0),
        (vec!["search", "--no-trunc", &name("web")], 0),
        (vec!["tags", &name("web")], 0),
        (vec!["tags", "-q", &name("web")], 0),
        (vec!["tags", "--json", &name("web")], 0),
        (vec!["catalog", &server.host()], 0),
        (vec!["catalog", "--json", &server.host()], 0),
        (vec!["pull", &name("web")], 1),
        (vec!["pull", "-a", &name("web")], 1),
    ] {
        let run = sandbox.rdock(&arguments).fails(code);
        let all = format!("{}{}", run.stdout, run.stderr);
        let harmful = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{202e}';
        assert_eq!(all.chars().find(harmful), None, "{run}");
    }
    let found = sandbox.rdock(&["search", &name("web")]).ok();
    assert_eq!(found.stdout.lines().count(), 3, "{found}");
    assert_eq!(sandbox.rdock(&["tags", "-q", &name("web")]).ok().stdout, "1.0\n");
    assert_eq!(
        sandbox.rdock(&["catalog", "-q", &server.host()]).ok().stdout,
        format!("{}\n", name("web"))
    );
}
