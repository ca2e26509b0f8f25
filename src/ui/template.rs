//! Go templates as docker's `--format` has them: the language is the library's, the functions and the words for
//! mistakes are docker's (<https://pkg.go.dev/text/template>, github.com/docker/cli/templates).

mod data;
mod fault;
mod functions;
mod structure;
mod tree;

use std::sync::Arc;

use gotmpl::parse::ListNode;
use gotmpl::{MissingKey, TemplateError};

use crate::error::{Error, Kind, Result};

use data::Origins;
pub use data::{Data, Row};

/// The library's own name for the template, which nothing tells.
const TREE: &str = "format";

/// A parsed template.
pub struct Template {
    name: &'static str,
    text: String,
    /// Refuses a field that is not there.
    strict: gotmpl::Template,
    /// Prints `<no value>` for it, as Go does for the keys of maps.
    lenient: gotmpl::Template,
    /// Prints the names of columns.
    header: gotmpl::Template,
    origins: Arc<Origins>,
}

impl Template {
    /// Reads the template; the error is in docker's words, without docker's prefix: see [`parsing_error`].
    pub fn parse(text: &str) -> Result<Self> {
        Self::named("", text)
    }

    /// A template with a name, which docker's errors then tell.
    pub fn named(name: &'static str, text: &str) -> Result<Self> {
        structure::check(text).map_err(|(line, words)| usage(format!("template: {name}:{line}: {words}")))?;
        let origins = Arc::<Origins>::default();
        let read = |functions: gotmpl::FuncMap, missing_key: MissingKey| {
            gotmpl::Template::new(TREE)
                .funcs(functions)
                .missing_key(missing_key)
                .parse(text)
        };
        let parsed = || -> Result<_, TemplateError> {
            let strict = read(functions::for_rows(&origins), MissingKey::Error)?;
            let lenient = read(functions::for_rows(&origins), MissingKey::Invalid)?;
            let header = read(functions::for_headers(), MissingKey::Invalid)?;
            Ok((strict, lenient, header))
        };
        let (strict, lenient, header) = parsed().map_err(|e| usage(fault::of_parsing(&e, name, text)))?;
        let template = Self {
            name,
            text: text.to_owned(),
            strict,
            lenient,
            header,
            origins,
        };
        match fault::unknown_name(template.tree(), &functions::names(), name) {
            Some(words) => Err(usage(words)),
            None => Ok(template),
        }
    }

    /// Whether the template may ask for this field, be it through the whole dot.
    pub fn needs(&self, field: &str) -> bool {
        self.text.contains(field) || tree::uses_whole_dot(self.tree())
    }

    /// Fills the template in; the error is in docker's words, without docker's prefix: see [`parsing_error`].
    pub fn render(&self, data: &Data) -> Result<String> {
        if let Some(fault) = fault::Fault::of_ranged_row(self.tree(), data) {
            return Err(usage(fault.words(self.name, &self.text)));
        }
        self.origins.set(data);
        let failed = match self.strict.execute_to_string(data.value()) {
            Ok(text) => return Ok(text),
            Err(failed) => failed,
        };
        let fault = fault::Fault::find(&failed, self.tree(), &self.text, data);
        if fault.is_key_of_map()
            && let Ok(text) = self.lenient.execute_to_string(data.value())
        {
            return Ok(text);
        }
        Err(usage(fault.words(self.name, &self.text)))
    }

    /// The template filled with the headers of a listing's columns.
    pub fn render_header(&self, headers: &[(&str, &str)]) -> String {
        let headers = headers
            .iter()
            .map(|(field, header)| ((*field).to_owned(), (*header).into()));
        let headers: std::collections::BTreeMap<String, gotmpl::Value> = headers.collect();
        let mut text = String::new();
        // Docker prints as much of the header as there is.
        let _ = self.header.execute_fmt(&mut text, &gotmpl::ToValue::to_value(&headers));
        text
    }

    fn tree(&self) -> Option<&ListNode> {
        self.strict.lookup(TREE)
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Template").field(&self.text).finish()
    }
}

fn usage(words: String) -> Error {
    Error::new(Kind::Usage, words)
}

/// What most of docker's commands say before a template's error.
pub fn parsing_error(error: &Error) -> Error {
    Error::new(Kind::Usage, format!("template parsing error: {error}"))
}

#[cfg(test)]
mod tests;
