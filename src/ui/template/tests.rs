mod fuzz;

use serde_json::Value as Json;

use super::*;
use crate::ui::{Columns, Format};

/// What docker 28.2.2 answered when it was asked.
const RECORDED: &str = include_str!("../../../tests/data/templates.json");

const IMAGES: Columns = Columns {
    go_type: "*formatter.imageContext",
    headers: &[
        ("ID", "IMAGE ID"),
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("Digest", "DIGEST"),
    ],
};

fn row(tag: &str) -> Row {
    let text = |text: &str| text.to_owned();
    Row::new([
        ("Containers", text("N/A")),
        ("CreatedAt", text("2019-03-26 23:14:53 +0000 UTC")),
        ("CreatedSince", text("7 years ago")),
        ("Digest", text("<none>")),
        ("ID", text("393711b47ce0")),
        ("Repository", text("nginx")),
        ("SharedSize", text("N/A")),
        ("Size", text("420kB")),
        ("Tag", text(tag)),
        ("UniqueSize", text("N/A")),
        ("VirtualSize", text("420kB")),
    ])
}

/// What rdock says, as docker's client would put it on its two streams.
fn listed(template: &str) -> (String, String) {
    let format = Format::parse(template, "table {{.ID}}");
    match format.and_then(|format| format.render(IMAGES, [row("1.15"), row("latest")])) {
        Ok(text) => (text, String::new()),
        Err(e) => (String::new(), format!("{e}\n")),
    }
}

fn inspected(template: &str, image: &Data) -> (String, String) {
    match Template::parse(template) {
        Err(e) => (String::new(), format!("{}\n", parsing_error(&e))),
        Ok(template) => match template.render(image) {
            Ok(text) => (format!("{text}\n"), String::new()),
            Err(e) => ("\n".to_owned(), format!("{}\n", parsing_error(&e))),
        },
    }
}

/// The templates that docker answers otherwise, with both answers.
fn differences(recorded: &Json, kind: &str, say: impl Fn(&str) -> (String, String)) -> Vec<(String, String)> {
    let mut differences = Vec::new();
    for case in recorded[kind].as_array().unwrap() {
        let text = |member: &str| case[member].as_str().unwrap().to_owned();
        let (ours, docker_s) = (say(&text("template")), (text("stdout"), text("stderr")));
        if ours != docker_s {
            differences.push((text("template"), format!("docker {docker_s:?}, rdock {ours:?}")));
        }
    }
    differences
}

fn check(differences: &[(String, String)], known: &[&str]) {
    let templates: Vec<&str> = differences.iter().map(|(template, _)| template.as_str()).collect();
    assert_eq!(templates, known, "{differences:#?}");
}

#[test]
fn templates_of_rows_print_what_docker_prints() {
    let recorded: Json = serde_json::from_str(RECORDED).unwrap();
    let (_, words) = listed("{{range .}}x{{end}}");
    let docker_s_but_for_the_fields = "template parsing error: template: :1:8: executing \"\" at <.>: range can't \
                                       iterate over formatter.imageContext\n";
    assert_eq!(words, docker_s_but_for_the_fields);
    let (_, words) = listed("{{index . 0}}");
    let docker_s = "template parsing error: template: :1:2: executing \"\" at <index . 0>: error calling index: can't \
                    index item of type formatter.imageContext\n";
    assert_eq!(words, docker_s);
    // Slips of the keyboard which the library reads otherwise than Go: it refuses the first, has other words for the
    // second, and lets the third pass.
    let known = ["{{.Tag |}}", "{{1a}}", r#"{{"\z"}}"#];
    check(&differences(&recorded, "row", listed), &known);
}

#[test]
fn templates_of_documents_print_what_docker_prints() {
    let recorded: Json = serde_json::from_str(RECORDED).unwrap();
    let image = Data::document(&recorded["image"]);
    // `unclosed action` is as true as Go's `illegal number syntax: "."`.
    let known = ["{{."];
    let differences = differences(&recorded, "document", |template| inspected(template, &image));
    check(&differences, &known);
}

#[test]
fn no_key_of_a_map_steers_the_terminal() {
    let labels = serde_json::json!({"Labels": {"k\u{1b}[31m\u{202e}": "v"}, "x\u{9b}2J": [{"y\u{7}": 1}]});
    let image = Data::document(&labels);
    for template in [
        "{{.}}",
        "{{.Labels}}",
        "{{range $k, $v := .Labels}}{{$k}}={{$v}}{{end}}",
        "{{json .}}",
        "{{json .Labels}}",
        "{{println .Labels}}",
        "{{printf \"%v %q %s\" .Labels . .Labels}}",
    ] {
        let (shown, failure) = inspected(template, &image);
        let is_harmful = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(
            !shown.contains(is_harmful) && failure.is_empty(),
            "{template}: {shown:?} {failure}"
        );
    }
}

#[test]
fn values_cannot_steer_the_terminal_but_templates_can() {
    let hostile = || Row::new([("Tag", "a\u{1b}[2J\u{202e}".to_owned())]);
    let print = |format: &str| {
        let format = Format::parse(format, "table").unwrap();
        format.render(IMAGES, [hostile()]).unwrap()
    };
    assert_eq!(print("\u{1b}[1m{{.Tag}}"), "\u{1b}[1ma\u{fffd}[2J\u{fffd}\n");
    let document = Data::document(&serde_json::json!({"Comment": "a\u{1b}\u{9b}\u{202e}b"}));
    let print = |template: &str| Template::parse(template).unwrap().render(&document).unwrap();
    assert_eq!(print("{{.Comment}}"), "a\u{fffd}\u{fffd}\u{fffd}b");
    assert_eq!(print("{{json .}}"), r#"{"Comment":"a\u001b\u009b\u202eb"}"#);
    let labels = serde_json::json!({"Labels": {"a\u{1b}\u{202e}": "b\u{7}", "LastTagTime": "\u{1b}TZ"}});
    let document = Data::document(&labels);
    let print = |template: &str| Template::parse(template).unwrap().render(&document).unwrap();
    assert_eq!(
        print("{{.Labels}}"),
        "map[LastTagTime:\u{fffd}  +0000 UTC a\u{fffd}\u{fffd}:b\u{fffd}]"
    );
    assert_eq!(
        print("{{range $name, $text := .Labels}}{{$name}}={{$text}};{{end}}"),
        "LastTagTime=\u{fffd}  +0000 UTC;a\u{fffd}\u{fffd}=b\u{fffd};"
    );
    assert_eq!(
        print("{{json .Labels}}"),
        r#"{"a\u001b\u202e":"b\u0007","LastTagTime":"\u001bTZ"}"#
    );
}

#[test]
fn the_whole_row_is_escaped_and_sorted_as_docker_has_it() {
    let row =
        Row::new([("Name", "<a & b>".to_owned()), ("IsOfficial", "[OK]".to_owned())]).with_json("IsOfficial", "true");
    let print = |format: &str| {
        let format = Format::parse(format, "table").unwrap();
        format.render(IMAGES, [row.clone()]).unwrap()
    };
    let json = r#"{"IsOfficial":"true","Name":"\u003ca \u0026 b\u003e"}"#.to_owned() + "\n";
    assert_eq!(print("json"), json);
    assert_eq!(print("{{json .}}"), json);
    assert_eq!(print("{{json .Name}} {{.IsOfficial}}"), "\"<a & b>\" [OK]\n");
}
