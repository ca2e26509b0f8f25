//! What a template is filled with, and how `json` prints it: in docker's order, not in that of sorted maps.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use gotmpl::Value;
use serde_json::Value as Json;

use crate::ui::sanitize::{is_control, sanitize};

/// One line of a listing: fields that are texts, as docker has them.
#[derive(Debug, Clone)]
pub struct Row {
    fields: BTreeMap<Arc<str>, Value>,
    json: BTreeMap<Arc<str>, String>,
}

impl Row {
    pub fn new<const N: usize>(fields: [(&str, String); N]) -> Self {
        let fields = fields.map(|(field, text)| (Arc::from(field), Value::from(sanitize(&text).into_owned())));
        Self {
            fields: fields.into_iter().collect(),
            json: BTreeMap::new(),
        }
    }

    /// Has `json` print another text for the whole row's field than templates do.
    #[must_use]
    pub fn with_json(mut self, field: &str, text: &str) -> Self {
        self.json.insert(Arc::from(field), text.to_owned());
        self
    }

    /// The whole row, as Go encodes it with its care for HTML.
    fn json(&self) -> String {
        let member = |(field, value): (&Arc<str>, &Value)| {
            let text = self
                .json
                .get(field)
                .map_or_else(|| quoted(&value.to_string()), |text| quoted(text));
            format!("{}:{text}", quoted(field))
        };
        let members: Vec<String> = self.fields.iter().map(member).collect();
        for_html(&format!("{{{}}}", members.join(",")))
    }
}

/// The dot of a template.
#[derive(Debug)]
pub struct Data {
    value: Value,
    /// Go's name of the type that docker fills templates with: for errors. `None` for JSON documents.
    pub(super) go_type: Option<&'static str>,
    origins: HashMap<usize, String>,
}

impl Data {
    pub fn row(row: Row, go_type: &'static str) -> Self {
        let json = row.json();
        let value = Value::Map(Arc::new(row.fields));
        Self {
            origins: address(&value).map(|address| (address, json)).into_iter().collect(),
            value,
            go_type: Some(go_type),
        }
    }

    /// A JSON document; its objects print with their members in the order they have.
    pub fn document(document: &Json) -> Self {
        let mut origins = HashMap::new();
        Self {
            value: value(document, "", &mut origins),
            go_type: None,
            origins,
        }
    }

    /// The same, called by the name of the Go type that docker has in its place.
    #[must_use]
    pub fn of_type(mut self, go_type: &'static str) -> Self {
        self.go_type = Some(go_type);
        self
    }

    /// Has `json` print another document for the value at this path.
    #[must_use]
    pub fn with_json(mut self, path: &[&str], document: &Json) -> Self {
        let found = path.iter().try_fold(&self.value, |value, field| value.field(field));
        if let Some(address) = found.and_then(address) {
            self.origins.insert(address, printable(&document.to_string()));
        }
        self
    }

    pub(super) fn value(&self) -> &Value {
        &self.value
    }
}

/// Docker's lists and maps that print as empty where the document has `null`; other nulls are no values.
const LISTS: [&str; 8] = [
    "Cmd",
    "Entrypoint",
    "Env",
    "OnBuild",
    "Shell",
    "Layers",
    "RepoTags",
    "RepoDigests",
];
pub(super) const MAPS: [&str; 5] = ["Labels", "Volumes", "ExposedPorts", "Annotations", "Data"];
/// Docker's sets: maps to empty structures, which Go prints as `{}`.
const SETS: [&str; 2] = ["Volumes", "ExposedPorts"];
/// Stands for the name of a set's element.
const ELEMENT: &str = "{}";
/// Docker's times that are no texts: Go prints them in its own way.
const TIMES: [&str; 1] = ["LastTagTime"];

fn value(document: &Json, name: &str, origins: &mut HashMap<usize, String>) -> Value {
    let value = match document {
        Json::Null if LISTS.contains(&name) => Value::from(Vec::new()),
        Json::Null if MAPS.contains(&name) => Value::Map(Arc::default()),
        Json::Null => Value::Nil,
        Json::Bool(bool) => Value::Bool(*bool),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::Uint(number),
            (None, None) => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) if TIMES.contains(&name) => Value::from(go_time(text)),
        Json::String(text) => Value::from(&*sanitize(text)),
        Json::Array(items) => Value::from(items.iter().map(|item| value(item, "", origins)).collect::<Vec<_>>()),
        Json::Object(members) if name == ELEMENT && members.is_empty() => Value::from("{}"),
        Json::Object(members) => {
            let is_set = SETS.contains(&name);
            let members = members.iter().map(|(key, member)| {
                let key = Arc::<str>::from(&**key);
                let name = if is_set { ELEMENT } else { &*key };
                let member = value(member, name, origins);
                (key, member)
            });
            Value::Map(Arc::new(members.collect::<BTreeMap<Arc<str>, Value>>()))
        }
    };
    if let Some(address) = address(&value) {
        origins.insert(address, printable(&document.to_string()));
    }
    value
}

/// `2019-03-26T23:14:53Z` as Go prints times.
fn go_time(text: &str) -> String {
    match text.strip_suffix('Z').and_then(|text| text.split_once('T')) {
        Some((date, time)) => format!("{date} {time} +0000 UTC"),
        None => text.to_owned(),
    }
}

/// Where a value lives: what tells it from all others while the data is alive, however often it is cloned.
fn address(value: &Value) -> Option<usize> {
    match value {
        Value::Map(map) => Some(Arc::as_ptr(map).addr()),
        Value::List(list) => Some(Arc::as_ptr(list).addr()),
        Value::String(text) => Some(Arc::as_ptr(text).addr()),
        _ => None,
    }
}

/// What the values of the data now in a template print as JSON.
#[derive(Debug, Default)]
pub(super) struct Origins {
    texts: Mutex<HashMap<usize, String>>,
}

impl Origins {
    pub(super) fn set(&self, data: &Data) {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.clone_from(&data.origins);
    }

    /// Docker's `json`: Go's encoding without its care for HTML.
    pub(super) fn json(&self, value: &Value) -> String {
        if let Some(text) = self.known(value) {
            return text;
        }
        match value {
            Value::Nil => "null".to_owned(),
            Value::String(text) => quoted(text),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(|item| self.json(item)).collect();
                format!("[{}]", items.join(","))
            }
            Value::Map(map) => {
                let member = |(key, member): (&Arc<str>, &Value)| format!("{}:{}", quoted(key), self.json(member));
                let members: Vec<String> = map.iter().map(member).collect();
                format!("{{{}}}", members.join(","))
            }
            other => other.to_string(),
        }
    }

    fn known(&self, value: &Value) -> Option<String> {
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.get(&address(value)?).cloned()
    }
}

fn quoted(text: &str) -> String {
    printable(&Json::from(text).to_string())
}

/// JSON without characters that steer terminals: they can only stand in its strings, and there may be escaped.
pub(in crate::ui) fn printable(json: &str) -> String {
    escaped(json, is_control)
}

/// JSON as Go's encoder writes it when it is not told otherwise.
fn for_html(json: &str) -> String {
    escaped(json, |c| matches!(c, '<' | '>' | '&'))
}

fn escaped(json: &str, is_it: fn(char) -> bool) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_it(c) {
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text
}
