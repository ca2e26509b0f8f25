//! The functions docker adds to Go's own (github.com/docker/cli/templates).

use std::sync::Arc;

use gotmpl::{FuncMap, TemplateError, Value, ValueFunc};

use super::data::Origins;

type Result = std::result::Result<Value, TemplateError>;

/// What a template of rows or documents may call.
pub(super) fn for_rows(origins: &Arc<Origins>) -> FuncMap {
    let origins = Arc::clone(origins);
    FuncMap::from([
        function("json", move |arguments| {
            let [value] = exactly("json", arguments)?;
            Ok(Value::from(origins.json(value)))
        }),
        function("split", |arguments| {
            let [text, separator] = exactly("split", arguments)?;
            let (text, separator) = (string(text)?, string(separator)?);
            // Go splits around nothing without empty ends.
            let parts: Vec<Value> = match separator {
                "" => text.chars().map(|c| Value::from(c.to_string())).collect(),
                separator => text.split(separator).map(Value::from).collect(),
            };
            Ok(Value::from(parts))
        }),
        function("join", |arguments| {
            let [list, separator] = exactly("join", arguments)?;
            let Value::List(items) = list else {
                return Err(wrong_type("[]string", list));
            };
            let items: Vec<&str> = items.iter().map(string).collect::<std::result::Result<_, _>>()?;
            Ok(Value::from(items.join(string(separator)?)))
        }),
        function("title", |arguments| of_text("title", arguments, title)),
        function("lower", |arguments| of_text("lower", arguments, str::to_lowercase)),
        function("upper", |arguments| of_text("upper", arguments, str::to_uppercase)),
        function("truncate", |arguments| {
            let [text, length] = exactly("truncate", arguments)?;
            Ok(Value::from(truncate(string(text)?, int(length)?)))
        }),
        function("index", index),
        function("len", |arguments| {
            let [value] = exactly("len", arguments)?;
            let length = value.len().and_then(|length| i64::try_from(length).ok());
            length
                .map(Value::Int)
                .ok_or_else(|| TemplateError::Exec(format!("len of type {}", go_type(value))))
        }),
        function("pad", pad),
    ])
}

/// What they are while the header of a table is printed: the names of columns pass unchanged, but padded.
pub(super) fn for_headers() -> FuncMap {
    let unchanged = |name: &'static str| {
        function(name, move |arguments: &[Value]| {
            let missing = || TemplateError::Exec(format!("wrong number of args for {name}: want 1 got 0"));
            arguments.first().cloned().ok_or_else(missing)
        })
    };
    let names = ["json", "split", "join", "title", "lower", "upper", "truncate"];
    let mut functions: FuncMap = names.into_iter().map(unchanged).collect();
    functions.extend([function("pad", pad), function("index", index)]);
    functions
}

/// All names a template may call: docker's and Go's.
pub(super) fn names() -> [&'static str; 27] {
    [
        "json", "split", "join", "title", "lower", "upper", "truncate", "pad", "and", "call", "html", "index", "slice",
        "js", "len", "not", "or", "print", "printf", "println", "urlquery", "eq", "ge", "gt", "le", "lt", "ne",
    ]
}

/// Whether this is one of docker's, whose arguments Go checks against their types.
pub(super) fn is_docker_s(name: &str) -> bool {
    names()[..8].contains(&name)
}

fn function(name: &str, body: impl Fn(&[Value]) -> Result + Send + Sync + 'static) -> (String, ValueFunc) {
    (name.to_owned(), Arc::new(body))
}

fn exactly<'a, const N: usize>(
    name: &str,
    arguments: &'a [Value],
) -> std::result::Result<&'a [Value; N], TemplateError> {
    arguments.try_into().map_err(|_| {
        let got = arguments.len();
        TemplateError::Exec(format!("wrong number of args for {name}: want {N} got {got}"))
    })
}

fn of_text(name: &str, arguments: &[Value], change: impl Fn(&str) -> String) -> Result {
    let [text] = exactly(name, arguments)?;
    Ok(Value::from(change(string(text)?)))
}

fn string(value: &Value) -> std::result::Result<&str, TemplateError> {
    value.as_str().ok_or_else(|| wrong_type("string", value))
}

fn int(value: &Value) -> std::result::Result<i64, TemplateError> {
    value.as_int().ok_or_else(|| wrong_type("int", value))
}

fn wrong_type(expected: &'static str, value: &Value) -> TemplateError {
    TemplateError::TypeMismatch {
        expected,
        got: go_type(value),
    }
}

/// What Go calls the type of a value from JSON.
pub(super) fn go_type(value: &Value) -> &'static str {
    match value {
        Value::List(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
        other => other.type_name(),
    }
}

/// Go's `strings.Title`: the first letter of each word.
fn title(text: &str) -> String {
    let mut before = ' ';
    text.chars()
        .flat_map(|c| {
            let starts = !(before.is_alphanumeric() || before == '_' || before == '\'');
            before = c;
            let upper = if starts {
                c.to_uppercase().collect()
            } else {
                c.to_string()
            };
            upper.chars().collect::<Vec<_>>()
        })
        .collect()
}

/// The first bytes of a text; of a character cut in two, nothing stays.
fn truncate(text: &str, length: i64) -> String {
    let length = usize::try_from(length).unwrap_or(0);
    let end = (0..=length.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or(0)].to_owned()
}

/// Docker's `pad`: blanks before and after, but none around nothing.
fn pad(arguments: &[Value]) -> Result {
    let [text, before, after] = exactly("pad", arguments)?;
    let blanks = |count: i64| " ".repeat(usize::try_from(count).unwrap_or(0).min(MAX_BLANKS));
    let (text, before, after) = (string(text)?, blanks(int(before)?), blanks(int(after)?));
    Ok(Value::from(match text {
        "" => String::new(),
        text => format!("{before}{text}{after}"),
    }))
}

/// The most blanks that are printed: more is a slip of the finger.
const MAX_BLANKS: usize = 1 << 16;

/// Go's `index`: a key that is not in docker's maps, which hold texts, has the empty text.
fn index(arguments: &[Value]) -> Result {
    let Some((first, path)) = arguments.split_first() else {
        return Err(TemplateError::Exec(
            "wrong number of args for index: want at least 1 got 0".into(),
        ));
    };
    let mut found = first.clone();
    let mut is_missing = false;
    for key in path {
        let refused = |how: String| Err(TemplateError::Exec(how));
        found = match (&found, key) {
            _ if is_missing => return refused("index of nil pointer".to_owned()),
            (Value::Map(map), Value::String(key)) => map.get(key).cloned().unwrap_or_else(|| {
                is_missing = true;
                Value::from("")
            }),
            (Value::Nil, _) => return refused("index of untyped nil".to_owned()),
            (Value::List(_) | Value::String(_), Value::Int(_)) => found.index(key)?,
            (Value::List(_) | Value::String(_), _) => {
                return refused(format!("cannot index slice/array with type {}", go_type(key)));
            }
            (Value::Map(_), _) => return refused(format!("value has type {}; should be string", go_type(key))),
            (other, _) => return refused(format!("can't index item of type {}", go_type(other))),
        };
    }
    Ok(found)
}
