//! What a template is filled with, and how `json` prints it: in docker's order, not in that of sorted maps.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use gotmpl::Value;
use serde_json::Value as Json;

use crate::image::go_json;
use crate::ui::json::printable;
use crate::ui::sanitize::sanitize;

/// One line of a listing: fields that are texts, as docker has them.
#[derive(Debug, Clone)]
pub struct Row {
    fields: BTreeMap<Arc<str>, Value>,
    /// What the JSON of the whole row has instead; nothing leaves the field out.
    json: BTreeMap<Arc<str>, Option<String>>,
}

impl Row {
    pub fn new<const N: usize>(fields: [(&str, String); N]) -> Self {
        let fields = fields.map(|(field, text)| (Arc::from(field), Value::from(sanitize(&text).into_owned())));
        Self {
            fields: fields.into_iter().collect(),
            json: BTreeMap::new(),
        }
    }

    /// A row of these fields alone.
    pub fn of(fields: &[Arc<str>], text: impl Fn(&str) -> String) -> Self {
        let fields = fields
            .iter()
            .map(|field| (Arc::clone(field), Value::from(sanitize(&text(field)).into_owned())));
        Self {
            fields: fields.collect(),
            json: BTreeMap::new(),
        }
    }

    /// Has `json` print another text for the whole row's field than templates do.
    #[must_use]
    pub fn with_json(mut self, field: &str, text: &str) -> Self {
        self.json.insert(Arc::from(field), Some(text.to_owned()));
        self
    }

    /// Keeps the field out of the JSON of the whole row.
    #[must_use]
    pub fn without_json(mut self, field: &str) -> Self {
        self.json.insert(Arc::from(field), None);
        self
    }

    /// The row as JSON, for documents that hold rows.
    pub fn to_value(&self) -> Json {
        let member = |(field, value): (&Arc<str>, &Value)| (field.to_string(), Json::from(value.to_string()));
        self.fields.iter().map(member).collect()
    }
}

/// The whole row, as Go encodes it with its care for HTML. `other` has the fields that print otherwise.
fn row_json(fields: &BTreeMap<Arc<str>, Value>, other: &BTreeMap<Arc<str>, Option<String>>) -> String {
    let mut json = String::from("{");
    for (field, value) in fields {
        let text = match (other.get(field), value) {
            (Some(None), _) => continue,
            (Some(Some(text)), _) => quoted(text),
            (None, Value::String(text)) => quoted(text),
            (None, other) => quoted(&other.to_string()),
        };
        if json.len() > 1 {
            json.push(',');
        }
        json.extend([&quoted(field), ":", &text]);
    }
    go_json::embedded(&(json + "}"))
}

/// The dot of a template.
#[derive(Debug)]
pub struct Data {
    value: Value,
    types: Types,
    origins: HashMap<usize, Origin>,
}

/// What Go calls the types that docker fills a template with: for errors.
#[derive(Debug, Clone, Copy)]
enum Types {
    Row(&'static str),
    /// By the names of fields; the document itself has no name. Others are maps.
    Document(&'static [(&'static str, &'static str)]),
}

/// What a value was made from, as far as `json` has to know.
#[derive(Debug, Clone)]
enum Origin {
    Row(BTreeMap<Arc<str>, Option<String>>),
    /// The JSON it prints as.
    Document(String),
}

impl Data {
    pub fn row(row: Row, go_type: &'static str) -> Self {
        let value = Value::Map(Arc::new(row.fields));
        let origin = Origin::Row(row.json);
        Self {
            origins: address(&value).map(|address| (address, origin)).into_iter().collect(),
            value,
            types: Types::Row(go_type),
        }
    }

    /// A JSON document; its objects print with their members in the order they have.
    pub fn document(document: &Json) -> Self {
        let mut origins = HashMap::new();
        Self {
            value: value(document, "", &mut origins),
            types: Types::Document(&[]),
            origins,
        }
    }

    /// The same, with Go's names of the types of its fields; the document itself has no name.
    #[must_use]
    pub fn of_types(mut self, types: &'static [(&'static str, &'static str)]) -> Self {
        self.types = Types::Document(types);
        self
    }

    /// Go's name of the type of the field with this name; `None` where docker has a map.
    pub(super) fn go_type(&self, field: &str) -> Option<&'static str> {
        match self.types {
            Types::Row(go_type) => field.is_empty().then_some(go_type),
            Types::Document(types) => types
                .iter()
                .find(|(name, _)| *name == field)
                .map(|(_, go_type)| *go_type),
        }
    }

    pub(super) fn is_row(&self) -> bool {
        matches!(self.types, Types::Row(_))
    }

    /// Has `json` print another document for the value at this path.
    #[must_use]
    pub fn with_json(mut self, path: &[&str], document: &Json) -> Self {
        let found = path.iter().try_fold(&self.value, |value, field| value.field(field));
        if let Some(address) = found.and_then(address) {
            self.origins
                .insert(address, Origin::Document(printable(&document.to_string())));
        }
        self
    }

    /// Has `json` print documents over several lines and with Go's care for HTML, as buildx's does.
    #[must_use]
    pub fn indented(mut self, indent: &str) -> Self {
        for origin in self.origins.values_mut() {
            if let Origin::Document(text) = origin {
                *text = go_json::indented(&go_json::embedded(text), indent);
            }
        }
        self
    }

    pub(super) fn value(&self) -> &Value {
        &self.value
    }
}

/// Docker's lists and maps that print as empty where the document has `null`; other nulls are no values.
const LISTS: [&str; 24] = [
    "Cmd",
    "Entrypoint",
    "Env",
    "OnBuild",
    "Shell",
    "Layers",
    "RepoTags",
    "RepoDigests",
    "Manifests",
    "SystemStatus",
    "DriverStatus",
    "Volume",
    "Network",
    "Authorization",
    "Log",
    "GenericResources",
    "RemoteManagers",
    "Warnings",
    "SecurityOptions",
    "DefaultAddressPools",
    "CDISpecDirs",
    "DiscoveredDevices",
    "ServerErrors",
    "ClientErrors",
];
pub(super) const MAPS: [&str; 6] = ["Labels", "Volumes", "ExposedPorts", "Annotations", "Data", "Runtimes"];
/// Docker's sets: maps to empty structures, which Go prints as `{}`.
const SETS: [&str; 2] = ["Volumes", "ExposedPorts"];
/// The name that a set's element goes by.
const ELEMENT: &str = "{}";
/// Docker's times that are no texts: Go prints them in its own way.
const TIMES: [&str; 1] = ["LastTagTime"];

fn value(document: &Json, name: &str, origins: &mut HashMap<usize, Origin>) -> Value {
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
        Json::String(text) if TIMES.contains(&name) => Value::from(go_time(&sanitize(text))),
        Json::String(text) => Value::from(&*sanitize(text)),
        Json::Array(items) => Value::from(items.iter().map(|item| value(item, "", origins)).collect::<Vec<_>>()),
        Json::Object(members) if name == ELEMENT && members.is_empty() => Value::from("{}"),
        Json::Object(members) => {
            let is_set = SETS.contains(&name);
            let members = members.iter().map(|(key, member)| {
                let name = if is_set { ELEMENT } else { key };
                let member = value(member, name, origins);
                (Arc::from(&*sanitize(key)), member)
            });
            Value::Map(Arc::new(members.collect::<BTreeMap<Arc<str>, Value>>()))
        }
    };
    if let Some(address) = address(&value) {
        origins.insert(address, Origin::Document(printable(&document.to_string())));
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

/// The address of a value: it tells it from all others while the data is alive, however often it is cloned.
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
    origins: Mutex<HashMap<usize, Origin>>,
}

impl Origins {
    pub(super) fn set(&self, data: &Data) {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        origins.clone_from(&data.origins);
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
        let origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        match (origins.get(&address(value)?)?, value) {
            (Origin::Document(text), _) => Some(text.clone()),
            (Origin::Row(other), Value::Map(fields)) => Some(row_json(fields, other)),
            _ => None,
        }
    }
}

fn quoted(text: &str) -> String {
    // A text into memory: that cannot fail.
    printable(&serde_json::to_string(text).unwrap_or_default())
}
