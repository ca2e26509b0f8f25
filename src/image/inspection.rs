//! What docker's engine tells of an image in `inspect`: its JSON, in its order. What only an engine knows is there with
//! docker's empty values (github.com/moby/moby 20.10, api/types/types.go and api/types/container/config.go).

use serde_json::{Map, Value, json};

use super::{Descriptor, Digest, Reference};
use crate::error::{Error, Kind, Result};

/// What the store knows of an image beside its config.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub id: &'a Digest,
    /// What the name that was asked for stands for: a manifest, or an index with it.
    pub target: &'a Descriptor,
    pub tags: &'a [Reference],
    pub digests: &'a [Reference],
    /// What the layers unpack to, in bytes.
    pub size: u64,
}

/// The documents of one image, all of them objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// What `inspect` prints.
    pub document: Value,
    /// What docker's client makes of it, as JSON: what it does not know or is empty is not there.
    pub understood: Value,
    /// What templates are filled with: all that either of the two has, also what is empty, and what docker's client
    /// calls by another name.
    pub fields: Value,
    /// The target, as JSON.
    pub descriptor: Value,
}

/// The members of docker's config in its order, with what stands for those that are not there.
const CONFIG: [(&str, Empty); 25] = [
    ("Hostname", Empty::Text),
    ("Domainname", Empty::Text),
    ("User", Empty::Text),
    ("AttachStdin", Empty::False),
    ("AttachStdout", Empty::False),
    ("AttachStderr", Empty::False),
    ("ExposedPorts", Empty::LeftOut),
    ("Tty", Empty::False),
    ("OpenStdin", Empty::False),
    ("StdinOnce", Empty::False),
    ("Env", Empty::Null),
    ("Cmd", Empty::Null),
    ("Healthcheck", Empty::LeftOut),
    ("ArgsEscaped", Empty::LeftOut),
    ("Image", Empty::Text),
    ("Volumes", Empty::Null),
    ("WorkingDir", Empty::Text),
    ("Entrypoint", Empty::Null),
    ("NetworkDisabled", Empty::LeftOut),
    ("MacAddress", Empty::LeftOut),
    ("OnBuild", Empty::Null),
    ("Labels", Empty::Null),
    ("StopSignal", Empty::LeftOut),
    ("StopTimeout", Empty::LeftOut),
    ("Shell", Empty::LeftOut),
];

/// The members that docker's client understands, in its order.
const UNDERSTOOD: [(&str, Empty); 13] = [
    ("User", Empty::Text),
    ("ExposedPorts", Empty::Null),
    ("Env", Empty::Null),
    ("Entrypoint", Empty::Null),
    ("Cmd", Empty::Null),
    ("Volumes", Empty::Null),
    ("WorkingDir", Empty::Text),
    ("Labels", Empty::Null),
    ("StopSignal", Empty::Text),
    ("ArgsEscaped", Empty::False),
    ("Healthcheck", Empty::Null),
    ("OnBuild", Empty::Null),
    ("Shell", Empty::Null),
];

#[derive(Debug, Clone, Copy)]
enum Empty {
    Text,
    False,
    Null,
    LeftOut,
}

impl Empty {
    fn value(self) -> Option<Value> {
        match self {
            Empty::Text => Some(json!("")),
            Empty::False => Some(json!(false)),
            Empty::Null => Some(Value::Null),
            Empty::LeftOut => None,
        }
    }
}

impl Inspection {
    /// Reads the raw config of the image.
    pub fn new(known: Known<'_>, config: &[u8]) -> Result<Self> {
        let image: Map<String, Value> = serde_json::from_slice(config)
            .map_err(|e| Error::new(Kind::Corrupt, "the image's config is not valid").caused_by(e))?;
        let own = image.get("config").and_then(Value::as_object).map(sorted);
        let own = own.as_ref();
        let document = document(known, &image, own);
        let nothing = Map::new();
        let own = own.unwrap_or(&nothing);
        let mut understood = document.clone();
        understood.shift_remove("Container");
        understood.insert("Config".to_owned(), Value::Object(understood_config(own)));
        let mut fields = document.clone();
        fields.entry("Variant").or_insert_with(|| json!(""));
        fields.entry("OsVersion").or_insert_with(|| json!(""));
        let mut all = config_members(own, &CONFIG);
        for (name, empty) in UNDERSTOOD {
            all.entry(name).or_insert_with(|| empty.value().unwrap_or_default());
        }
        fields.insert("Config".to_owned(), Value::Object(all));
        fields.insert("ID".to_owned(), json!(known.id.as_str()));
        fields.insert("Descriptor".to_owned(), descriptor_fields(known.target));
        fields.insert("Manifests".to_owned(), Value::Null);
        Ok(Self {
            descriptor: brief(known.target),
            document: Value::Object(document),
            understood: Value::Object(understood),
            fields: Value::Object(fields),
        })
    }

    /// The same with more members, at the end.
    #[must_use]
    pub fn with(mut self, more: &Map<String, Value>) -> Self {
        for object in [&mut self.document, &mut self.understood, &mut self.fields] {
            if let Value::Object(members) = object {
                let target = members.get("Descriptor").cloned();
                members.extend(more.clone());
                members.extend(target.map(|target| ("Descriptor".to_owned(), target)));
            }
        }
        self
    }
}

/// What a descriptor says of itself.
pub fn brief(it: &Descriptor) -> Value {
    json!({"mediaType": it.media_type, "digest": it.digest, "size": it.size})
}

/// The fields by Go's names, which templates are first tried with, and by those of the JSON.
fn descriptor_fields(it: &Descriptor) -> Value {
    let mut fields = json!({
        "MediaType": it.media_type, "Digest": it.digest, "Size": it.size,
        "ArtifactType": "", "Annotations": {}, "Data": [], "Platform": null, "URLs": [],
    });
    if let (Value::Object(fields), Value::Object(brief)) = (&mut fields, brief(it)) {
        fields.extend(brief);
    }
    fields
}

fn document(known: Known<'_>, image: &Map<String, Value>, own: Option<&Map<String, Value>>) -> Map<String, Value> {
    let text = |name: &str| image.get(name).and_then(Value::as_str).unwrap_or_default();
    let familiar = |names: &[Reference]| names.iter().map(|name| json!(name.familiar())).collect::<Value>();
    let nothing = Map::new();
    let container = image
        .get("container_config")
        .and_then(Value::as_object)
        .unwrap_or(&nothing);
    let os = Some(text("os")).filter(|os| !os.is_empty()).unwrap_or("linux");
    let mut document = Map::new();
    let mut put = |name: &str, value: Value| document.insert(name.to_owned(), value);
    put("Id", json!(known.id.as_str()));
    put("RepoTags", familiar(known.tags));
    put("RepoDigests", familiar(known.digests));
    put("Parent", json!(""));
    put("Comment", json!(comment(image)));
    put("Created", json!(created(text("created"))));
    put("Container", json!(text("container")));
    put("ContainerConfig", Value::Object(config_members(container, &CONFIG)));
    put("DockerVersion", json!(text("docker_version")));
    put("Author", json!(text("author")));
    put(
        "Config",
        own.map_or(Value::Null, |own| Value::Object(config_members(own, &CONFIG))),
    );
    put("Architecture", json!(text("architecture")));
    if !text("variant").is_empty() {
        put("Variant", json!(text("variant")));
    }
    put("Os", json!(os));
    if !text("os.version").is_empty() {
        put("OsVersion", json!(text("os.version")));
    }
    put("Size", json!(known.size));
    put("VirtualSize", json!(known.size));
    put("GraphDriver", json!({"Data": null, "Name": ""}));
    put("RootFS", root_fs(image));
    put("Metadata", json!({"LastTagTime": NO_TIME}));
    document
}

const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// The image's own comment, else that of its last step.
fn comment(image: &Map<String, Value>) -> &str {
    let own = image
        .get("comment")
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty());
    let last = || image.get("history")?.as_array()?.last()?.get("comment")?.as_str();
    own.or_else(last).unwrap_or_default()
}

/// The time with as many digits as it needs, as Go writes it; its own zone stays.
fn created(text: &str) -> String {
    if text.parse::<jiff::Timestamp>().is_err() {
        return NO_TIME.to_owned();
    }
    let Some((seconds, rest)) = text.split_once('.') else {
        return text.to_owned();
    };
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (fraction, zone) = rest.split_at(digits);
    match fraction.trim_end_matches('0') {
        "" => format!("{seconds}{zone}"),
        fraction => format!("{seconds}.{fraction}{zone}"),
    }
}

fn root_fs(image: &Map<String, Value>) -> Value {
    let member = |name: &str| image.get("rootfs").and_then(|root| root.get(name)).cloned();
    let mut root = Map::new();
    root.insert("Type".to_owned(), member("type").unwrap_or_else(|| json!("layers")));
    if let Some(layers) = member("diff_ids").filter(|layers| !is_empty(layers)) {
        root.insert("Layers".to_owned(), layers);
    }
    Value::Object(root)
}

/// The config with these members in this order.
fn config_members(own: &Map<String, Value>, members: &[(&str, Empty)]) -> Map<String, Value> {
    let member = |(name, empty): &(&str, Empty)| {
        let value = own.get(*name).filter(|value| !is_empty(value)).cloned();
        // An empty list that was written down stays one.
        let written = own
            .get(*name)
            .filter(|value| value.is_array() || value.is_object())
            .cloned();
        let value = value.or_else(|| empty.value().map(|empty| written.unwrap_or(empty)));
        value.map(|value| ((*name).to_owned(), value))
    };
    members.iter().filter_map(member).collect()
}

fn understood_config(own: &Map<String, Value>) -> Map<String, Value> {
    let member = |(name, _): (&str, Empty)| {
        let value = own.get(name).filter(|value| !is_empty(value))?;
        Some((name.to_owned(), value.clone()))
    };
    UNDERSTOOD.into_iter().filter_map(member).collect()
}

/// The config with its maps in the order in which Go writes maps.
fn sorted(config: &Map<String, Value>) -> Map<String, Value> {
    let mut config = config.clone();
    for name in ["ExposedPorts", "Volumes", "Labels"] {
        if let Some(map) = config.get_mut(name).and_then(Value::as_object_mut) {
            map.sort_keys();
        }
    }
    config
}

/// Go's `omitempty`.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(bool) => !bool,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspection(config: &str) -> Inspection {
        let id = Digest::of(b"x");
        let target = Descriptor::new("application/x", id.clone(), 7);
        let known = Known {
            id: &id,
            target: &target,
            tags: &[Reference::parse("nginx:latest").unwrap()],
            digests: &[],
            size: 420_014,
        };
        Inspection::new(known, config.as_bytes()).unwrap()
    }

    #[test]
    fn members_stand_in_docker_s_order_with_docker_s_empty_values() {
        let it = inspection(
            r#"{"os":"linux","variant":"v7","architecture":"arm","created":"2019-03-26T23:14:53.120000Z",
            "config":{"Cmd":["x"],"Entrypoint":[],"Labels":{"a":"b"},"StopSignal":""},
            "history":[{"comment":"first"},{"comment":"last"}],"rootfs":{"type":"layers","diff_ids":["sha256:a"]}}"#,
        );
        let names: Vec<&str> = it.document.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            names.join(" "),
            "Id RepoTags RepoDigests Parent Comment Created Container ContainerConfig DockerVersion Author Config \
             Architecture Variant Os Size VirtualSize GraphDriver RootFS Metadata"
        );
        assert_eq!(it.document["Created"], "2019-03-26T23:14:53.12Z");
        assert_eq!(it.document["Comment"], "last");
        let config = r#"{"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,"Cmd":["x"],"Image":"","Volumes":null,"WorkingDir":"","Entrypoint":[],"OnBuild":null,"Labels":{"a":"b"}}"#;
        assert_eq!(it.document["Config"].to_string(), config);
        assert_eq!(
            it.understood["Config"].to_string(),
            r#"{"Cmd":["x"],"Labels":{"a":"b"}}"#
        );
        assert!(it.understood.get("Container").is_none() && it.understood.get("DockerVersion").is_some());
        assert_eq!(it.fields["Config"]["Healthcheck"], Value::Null);
        assert_eq!(it.fields["OsVersion"], "");
        assert_eq!(it.fields["ID"], it.document["Id"]);
        assert_eq!(it.fields["Descriptor"]["Size"], 7);
        assert_eq!(it.descriptor.to_string().matches("ize").count(), 1);
        assert!(it.document.get("ID").is_none() && it.document.get("Descriptor").is_none());
    }

    #[test]
    fn an_image_that_says_nothing_is_told_all_the_same() {
        let it = inspection("{}");
        assert_eq!(it.document["Config"], Value::Null);
        assert_eq!(it.document["Created"], NO_TIME);
        assert_eq!(it.document["RootFS"], json!({"Type": "layers"}));
        assert_eq!(created("2019-03-26T23:14:53.000+02:00"), "2019-03-26T23:14:53+02:00");
    }
}
