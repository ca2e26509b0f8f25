//! Go's words for templates that cannot be read or filled in. The library says what is wrong; where it is, and how Go
//! puts it, is found out here (text/template, exec.go and parse.go).

use gotmpl::TemplateError;
use gotmpl::parse::{Expr, ListNode, SmolStr};

use super::data::{Data, MAPS};
use super::functions;
use super::tree::{Spot, follow, spots, written, written_command};

/// The words for a template that cannot be read.
pub(super) fn of_parsing(error: &TemplateError, name: &str, text: &str) -> String {
    match error {
        TemplateError::Parse { line, message, .. } | TemplateError::Lex { line, message, .. } => {
            // An error at the end has the place behind the last character.
            let line = (*line).clamp(1, 1 + text.matches('\n').count());
            format!("template: {name}:{line}: {}", in_go_s_words(message, text))
        }
        other => format!("template: {name}:1: {other}"),
    }
}

fn in_go_s_words(message: &str, text: &str) -> String {
    let between = |start: &str, end: &str| message.strip_prefix(start)?.strip_suffix(end);
    if let Some(c) = between("unexpected character: '", "'").and_then(|c| c.chars().next()) {
        let before = text.find(c).and_then(|place| text[..place].chars().next_back());
        // Behind a name it spoils the name.
        return match before {
            Some(before) if before.is_alphanumeric() => format!("bad character U+{:04X} '{c}'", u32::from(c)),
            _ => format!("unexpected \"{c}\" in command"),
        };
    }
    let known = match message {
        "unterminated string" => "unterminated quoted string",
        "unterminated raw string" => "unterminated raw quoted string",
        "unterminated character literal" => "unterminated character constant",
        "expected '=' after ':'" => "expected :=",
        "empty command" => "missing value for command",
        message if message.starts_with("expected RightParen") => "unclosed left paren",
        message if message.starts_with("expected closing delimiter, got RightParen") => "unexpected right paren",
        other => other,
    };
    known.to_owned()
}

/// A function or a variable the template uses that there is not: Go finds it while parsing.
pub(super) fn unknown_name(tree: Option<&ListNode>, functions: &[&str], name: &str) -> Option<String> {
    let spots = spots(tree);
    let declared: Vec<&SmolStr> = spots.iter().flat_map(|spot| &spot.pipe.decl).collect();
    spots.iter().find_map(|spot| {
        let what = match spot.expr {
            Expr::Identifier(_, function) if !functions.contains(&function.as_str()) => {
                format!("function {:?} not defined", function.as_str())
            }
            Expr::Variable(_, variable, _) if variable != "$" && !declared.contains(&variable) => {
                format!("undefined variable {:?}", variable.as_str())
            }
            _ if spot.is_piped && !matches!(spot.expr, Expr::Identifier(..) | Expr::Field(..) | Expr::Chain(..)) => {
                "non executable command in pipeline stage 2".to_owned()
            }
            _ => return None,
        };
        Some(format!("template: {name}:{}: {what}", spot.expr.pos().line))
    })
}

/// Go's functions that compare.
const COMPARISONS: [&str; 6] = ["eq", "ne", "lt", "le", "gt", "ge"];

/// What went wrong while a template was filled in.
pub(super) struct Fault {
    place: Option<(usize, String)>,
    message: String,
    is_key_of_map: bool,
}

impl Fault {
    pub(super) fn find(error: &TemplateError, tree: Option<&ListNode>, text: &str, data: &Data) -> Self {
        let spots = spots(tree);
        match error {
            TemplateError::MissingKey { key } => Self::of_missing(key, &spots, data),
            TemplateError::Exec(message) if message.starts_with("can't evaluate field ") => {
                let field = message.split(' ').nth(3).unwrap_or_default();
                Self::of_field_of_text(field, &spots, data)
            }
            TemplateError::Exec(message) if message.starts_with("can't give argument to non-function") => {
                Self::of_argument_to_field(&spots, data)
            }
            TemplateError::Exec(message) if message == "nil is not a command" => {
                let nil = spots
                    .iter()
                    .find(|spot| matches!(spot.expr, Expr::Nil(_)) && spot.command.is_some());
                Self::at(nil.map(Spot::place), message.clone())
            }
            TemplateError::NotIterable(kind) => {
                let ranged = spots.iter().find(|spot| spot.is_ranged);
                let value = ranged.and_then(|spot| spot.value(data)).map(ToString::to_string);
                let value = value.unwrap_or_else(|| kind.clone());
                Self::at(ranged.map(Spot::place), format!("range can't iterate over {value}"))
            }
            TemplateError::UndefinedTemplate(name) => {
                let called = format!("{name:?}");
                let place = text
                    .find(&called)
                    .map(|place| (place, format!("{{{{template {called}}}}}")));
                Self::at(place, format!("template {called} not defined"))
            }
            TemplateError::RangeIterLimit => Self::at(None, "range goes on for too long".to_owned()),
            TemplateError::TypeMismatch { expected, got } => Self::of_type(expected, got, &spots, data),
            TemplateError::Exec(message) if data.is_row() && message.ends_with("; should be string") => {
                let go_type = data.go_type("").unwrap_or_default().trim_start_matches('*');
                Self::of_call(
                    &TemplateError::Exec(format!("can't index item of type {go_type}")),
                    &spots,
                )
            }
            other => Self::of_call(other, &spots),
        }
    }

    fn at(place: Option<(usize, String)>, message: String) -> Self {
        Self {
            place,
            message,
            is_key_of_map: false,
        }
    }

    /// Docker's rows are structures, which `range` refuses.
    pub(super) fn of_ranged_row(tree: Option<&ListNode>, data: &Data) -> Option<Self> {
        let go_type = data.go_type("").filter(|_| data.is_row())?.trim_start_matches('*');
        let spots = spots(tree);
        let ranged = spots.iter().find(|spot| spot.is_ranged && spot.is_whole_dot())?;
        let message = format!("range can't iterate over {go_type}");
        Some(Self::at(Some(ranged.place()), message))
    }

    fn of_missing(key: &str, spots: &[Spot<'_>], data: &Data) -> Self {
        let fails = |spot: &&Spot<'_>| match spot.chain() {
            Some(chain) if spot.is_from_root() => follow(data.value(), chain).is_err_and(|(_, field)| field == key),
            Some(chain) => chain.iter().any(|field| field == key),
            None => false,
        };
        let spot = spots.iter().find(fails);
        let chain = spot.and_then(Spot::chain).unwrap_or_default();
        let depth = chain.iter().position(|field| field == key).unwrap_or(0);
        Self {
            place: spot.map(Spot::place),
            message: match data.go_type(depth.checked_sub(1).map_or("", |above| chain[above].as_str())) {
                Some(go_type) => format!("can't evaluate field {key} in type {go_type}"),
                None => format!("map has no entry for key {key:?}"),
            },
            // In docker's typed maps a key that is not there is no mistake.
            is_key_of_map: depth > 0 && MAPS.contains(&chain[depth - 1].as_str()),
        }
    }

    fn of_field_of_text(field: &str, spots: &[Spot<'_>], data: &Data) -> Self {
        let has_it = |spot: &&Spot<'_>| spot.chain().is_some_and(|chain| chain.iter().any(|it| it == field));
        let go_type = if data.is_row() { "string" } else { "interface {}" };
        let place = spots.iter().find(has_it).map(Spot::place);
        Self::at(place, format!("can't evaluate field {field} in type {go_type}"))
    }

    /// A field of a row is a method in docker, which takes nothing.
    fn of_argument_to_field(spots: &[Spot<'_>], data: &Data) -> Self {
        let has_argument =
            |spot: &&Spot<'_>| spot.is_piped || spot.command.is_some_and(|command| command.args.len() > 1);
        let is_value = |spot: &&Spot<'_>| spot.called().is_none() && has_argument(spot);
        let spot = spots.iter().find(is_value);
        let place = spot.map(Spot::place);
        let written = place.as_ref().map(|(_, written)| written.clone()).unwrap_or_default();
        let method = spot
            .and_then(Spot::chain)
            .and_then(<[_]>::last)
            .filter(|_| data.is_row());
        Self::at(
            place,
            match method {
                Some(method) => format!("wrong number of args for {method}: want 0 got 1"),
                None => format!("can't give argument to non-function {written}"),
            },
        )
    }

    /// The library tells the types; the first argument of the wrong one is the one.
    fn of_type(expected: &str, got: &str, spots: &[Spot<'_>], data: &Data) -> Self {
        let arguments = || {
            let calls = spots
                .iter()
                .filter(|spot| spot.called().is_some_and(functions::is_docker_s));
            calls
                .filter_map(|spot| spot.command)
                .flat_map(|command| &command.args[1..])
        };
        let literal = arguments().find(|argument| match argument {
            Expr::Number(..) => expected == "string",
            Expr::String(..) => expected == "int",
            _ => false,
        });
        if let Some(literal) = literal {
            let written = written(literal);
            let expected = if expected == "int" { "integer" } else { expected };
            let message = format!("expected {expected}; found {written}");
            return Self::at(Some((literal.pos().offset, written)), message);
        }
        let value = arguments().find(|argument| !matches!(argument, Expr::Number(..) | Expr::String(..)));
        let place = value.map(|value| (value.pos().offset, written(value)));
        let message = match got {
            "nil" => format!("invalid value; expected {expected}"),
            "int" if !data.is_row() => {
                format!("wrong type for value; expected {expected}; got json.Number")
            }
            got => format!("wrong type for value; expected {expected}; got {got}"),
        };
        Self::at(place, message)
    }

    fn of_call(error: &TemplateError, spots: &[Spot<'_>]) -> Self {
        let own = match error {
            TemplateError::ArgCount { name, .. } if COMPARISONS.contains(&name.as_str()) => {
                "missing argument for comparison".to_owned()
            }
            TemplateError::ArgCount { name, expected, got } => {
                format!("wrong number of args for {name}: want {expected} got {got}")
            }
            TemplateError::Exec(message) => match message.split_once(" out of range [") {
                Some((_, bounds)) => format!("index out of range: {}", bounds.split(':').next().unwrap_or_default()),
                None => message.split(": string and ").next().unwrap_or_default().to_owned(),
            },
            other => other.to_string(),
        };
        let named = |spot: &&Spot<'_>| match (error, spot.called()) {
            (_, None) => false,
            (TemplateError::ArgCount { name, .. }, Some(called)) => name == called,
            (TemplateError::IndexOutOfRange { .. }, Some(called)) => matches!(called, "index" | "slice"),
            (_, Some(called)) if own.starts_with("wrong number of args for ") => {
                own.contains(&format!(" for {called}:"))
            }
            _ => true,
        };
        let Some(spot) = spots.iter().find(named) else {
            return Self::at(None, error.to_string());
        };
        let called = spot.called().unwrap_or_default();
        if own.starts_with("wrong number of args") {
            return Self::at(Some((spot.expr.pos().offset, called.to_owned())), own);
        }
        if let (Some(got), Some(Expr::Number(pos, _))) = (
            own.strip_prefix("printf: first arg must be string, got "),
            spot.command.and_then(|it| it.args.get(1)),
        ) {
            return Self::at(
                Some((pos.offset, got.to_owned())),
                format!("expected string; found {got}"),
            );
        }
        let place = spot
            .command
            .map(|command| (command.pos.offset, written_command(command)));
        Self::at(place, format!("error calling {called}: {own}"))
    }

    /// Whether what is missing is a key of a map, for which Go prints `<no value>`.
    pub(super) fn is_key_of_map(&self) -> bool {
        self.is_key_of_map
    }

    pub(super) fn words(&self, name: &str, text: &str) -> String {
        let Some((offset, context)) = &self.place else {
            return format!("template: {name}: {}", self.message);
        };
        let before = &text[..(*offset).min(text.len())];
        let line = 1 + before.matches('\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1);
        format!(
            "template: {name}:{line}:{column}: executing {name:?} at <{context}>: {}",
            self.message
        )
    }
}
