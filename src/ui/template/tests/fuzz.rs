use super::*;
use crate::tests::fuzz::Target;

/// What the grammar is made of.
const WORDS: [&str; 29] = [
    "{{",
    "}}",
    "{{-",
    "-}}",
    "{{range ",
    "{{if ",
    "{{else}}",
    "{{end}}",
    "{{with ",
    "{{json .}}",
    ".Config",
    ".Env",
    "$",
    "|",
    "(",
    ")",
    "{{define \"a\"}}",
    "{{template \"a\" .}}",
    "printf \"%s\"",
    "index ",
    "len ",
    "join ",
    "{{/*",
    "*/}}",
    "`",
    "\"",
    "'",
    "{{break}}",
    "$x := ",
];

#[test]
fn a_template_is_filled_in_or_refused() {
    let recorded: Json = serde_json::from_str(RECORDED).unwrap();
    let seeds: Vec<String> = (recorded.as_object().unwrap().values())
        .filter_map(Json::as_array)
        .flatten()
        .filter_map(|case| Some(case["template"].as_str()?.to_owned()))
        .collect();
    let document = serde_json::json!({"Id": "sha256:1", "Config": {"Env": ["A=b\u{1b}[31m"], "Labels": {"a": "b"}, "Cmd": null},
        "Size": 7, "RepoTags": ["a:1"]});
    let image = Data::document(&document);
    let mut target = Target::text("templates", seeds, &WORDS);
    target.longest = 600;
    target.cases = 500;
    target.check_texts(|text| {
        // Go has `%9999999d` too, and whoever types it waits for it; here it would only take time.
        if text.contains('%') && text.bytes().filter(u8::is_ascii_digit).count() > 3 {
            return 0;
        }
        let listed = listed(text);
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(e) => return usize::from(e.to_string().contains('\n')) + 1,
        };
        let needs = ["Size", "Config"].map(|field| template.needs(field));
        let rendered = template.render(&image);
        if let Ok(rendered) = &rendered {
            assert!(
                !rendered.contains('\u{1b}') || text.contains('\u{1b}') || text.contains('\\'),
                "{rendered:?}"
            );
        }
        let header = template.render_header(IMAGES.headers).len();
        let shape = (
            rendered.map_or(7, |it| it.len().min(30)),
            needs,
            header.min(20),
            listed.0.len().min(30),
        );
        3 + shape.0 + 100 * usize::from(shape.1[0]) + 200 * usize::from(shape.1[1]) + 1000 * shape.2 + 100_000 * shape.3
    });
}
