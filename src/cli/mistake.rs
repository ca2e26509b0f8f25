//! Mistakes on the command line, told in docker's words and with docker's exit codes.

use std::error::Error as _;
use std::num::{IntErrorKind, ParseIntError};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use super::help::{self, Path};
use super::way_out;
use crate::settings::Program;

/// What to print instead of doing something, and the exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// To be said first, on standard error.
    pub notice: Option<&'static str>,
    pub text: String,
    pub stream: Stream,
    pub exit_code: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// Docker's exit code for a flag that cannot be understood.
const FLAG: u8 = 125;

const NO_SHORT_HELP: &str = "Flag shorthand -h has been deprecated, use --help";

/// Puts clap's verdict on these arguments (without the program's own name) in docker's words. A request for help
/// or for the version is answered here as well. The text ends with a line end. `root` makes the command tree.
pub fn explain<S: AsRef<str>>(error: &clap::Error, root: impl FnOnce() -> Command, arguments: &[S]) -> Mistake {
    if error.kind() == ErrorKind::DisplayVersion {
        return told(Program::running().sentence() + "\n", Stream::Out, 0);
    }
    let mut root = root();
    root.build();
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    let path = Path::follow(&root, &arguments);
    Explainer {
        error,
        arguments: &arguments,
        path,
    }
    .explain()
}

struct Explainer<'a> {
    error: &'a clap::Error,
    arguments: &'a [&'a str],
    path: Path<'a>,
}

impl Explainer<'_> {
    fn explain(&self) -> Mistake {
        match self.error.kind() {
            ErrorKind::DisplayHelp => self.asked_for_help(),
            ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                if self.path.command().has_subcommands() =>
            {
                told(help::help(&self.path), Stream::Err, 0)
            }
            ErrorKind::InvalidSubcommand => self.unknown_command(),
            ErrorKind::UnknownArgument => self.unknown_argument(),
            ErrorKind::MissingRequiredArgument => self.missing_argument(),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => self.wrong_count(),
            ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::TooManyValues | ErrorKind::NoEquals => {
                self.bad_value()
            }
            ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => match self.culprit() {
                Some(option) => self.no_value(option),
                None => self.wrong_count(),
            },
            ErrorKind::InvalidUtf8 => self.no_text(),
            _ => self.in_clap_s_words(),
        }
    }

    /// Nothing that rdock takes has other bytes than those of texts, but for paths.
    fn no_text(&self) -> Mistake {
        let is_replaced = |argument: &&&str| argument.contains(char::REPLACEMENT_CHARACTER);
        let argument = self.arguments.iter().find(is_replaced).copied().unwrap_or_default();
        told(
            format!("the argument {argument:?} is not valid UTF-8\n"),
            Stream::Err,
            1,
        )
    }

    /// Docker notes that it wants `--help`, and for its commands on standard output.
    fn help(&self) -> Mistake {
        let help = help::help(&self.path);
        let before = self.arguments.iter().take_while(|argument| **argument != "--");
        if !before.into_iter().any(|argument| *argument == "-h") {
            return told(help, Stream::Out, 0);
        }
        if self.path.to_string() == self.program() {
            let notice = Some(NO_SHORT_HELP);
            return Mistake {
                notice,
                ..told(help, Stream::Out, 0)
            };
        }
        told(format!("{NO_SHORT_HELP}\n{help}"), Stream::Out, 0)
    }

    fn unknown_command(&self) -> Mistake {
        let typed = self.context(ContextKind::InvalidSubcommand);
        if let Some((text, code)) = way_out::answer(&self.path, &typed, self.arguments) {
            return told(text, Stream::Err, code);
        }
        if self.arguments.first() == Some(&"help") {
            return told(format!("unknown help topic: {typed}\n"), Stream::Err, 1);
        }
        self.unknown_command_named(&typed)
    }

    fn unknown_command_named(&self, typed: &str) -> Mistake {
        let (program, path) = (self.program(), &self.path);
        let usage = if path.to_string() == program {
            String::new()
        } else {
            format!("Usage:  {path}\n\n")
        };
        let text =
            format!("{program}: unknown command: {path} {typed}\n\n{usage}Run '{path} --help' for more information\n");
        told(text, Stream::Err, 1)
    }

    /// clap calls an argument too many unknown, too.
    fn unknown_argument(&self) -> Mistake {
        let typed = self.context(ContextKind::InvalidArg);
        if !is_flag(&typed, self.arguments) {
            return if self.path.command().has_subcommands() {
                self.unknown_command_named(&typed)
            } else {
                self.wrong_count()
            };
        }
        if let Some(long) = typed.strip_prefix("--") {
            let name = long.split_once('=').map_or(long, |(name, _)| name);
            return self.flag_mistake(&format!("unknown flag: --{name}"));
        }
        let letter = typed.chars().nth(1).unwrap_or('-');
        let Some((before, rest)) = cluster_at(letter, self.arguments) else {
            return self.flag_mistake(&format!("unknown shorthand flag: '{letter}' in {typed}"));
        };
        let switch = before.chars().last();
        match self.path.option(|arg| arg.get_short() == switch) {
            // `-a=maybe` of a flag that takes no value.
            Some(option) if letter == '=' => self.bad_switch(option, &rest[1..]),
            _ => self.flag_mistake(&format!("unknown shorthand flag: '{letter}' in -{rest}")),
        }
    }

    /// Docker reads on behind `-h`, and stumbles over a letter that is no flag.
    fn asked_for_help(&self) -> Mistake {
        let flags = self.arguments.iter().take_while(|&&argument| argument != "--");
        let mut clusters = flags.filter_map(|argument| argument.strip_prefix("-h"));
        let unknown = clusters.find_map(|rest| {
            let letter = rest.chars().next().filter(|letter| *letter != '=')?;
            let is_known = self.path.option(|arg| arg.get_short() == Some(letter)).is_some();
            (!is_known).then(|| format!("unknown shorthand flag: '{letter}' in -{rest}"))
        });
        match unknown {
            Some(text) => self.flag_mistake(&text),
            None => self.help(),
        }
    }

    fn missing_argument(&self) -> Mistake {
        let missing = match self.error.get(ContextKind::InvalidArg) {
            Some(ContextValue::Strings(missing)) => missing.as_slice(),
            _ => &[],
        };
        match missing.iter().find_map(|name| name.strip_prefix("--")) {
            Some(flag) => {
                let name = flag.split([' ', '=']).next().unwrap_or(flag);
                self.with_usage(&format!("required flag(s) \"{name}\" not set"), 1)
            }
            None => self.wrong_count(),
        }
    }

    fn wrong_count(&self) -> Mistake {
        let command = self.path.command();
        let (mut least, mut most) = (0, 0_usize);
        for arg in command.get_positionals().filter(|arg| !arg.is_hide_set()) {
            let count = arg.get_num_args().unwrap_or_default();
            if arg.is_required_set() {
                least += count.min_values().max(1);
            }
            most = most.saturating_add(count.max_values());
        }
        let (rule, see) = match (least, most) {
            (0, 0) => ("accepts no arguments".to_owned(), "Run"),
            (least, most) if least == most => (format!("requires {}", arguments(least)), "Run"),
            (least, usize::MAX) => (format!("requires at least {}", arguments(least)), "See"),
            (0, most) => (format!("requires at most {}", arguments(most)), "Run"),
            (least, most) => (
                format!("requires at least {least} and at most {}", arguments(most)),
                "Run",
            ),
        };
        let (program, path) = (self.program(), &self.path);
        let text = format!(
            "{program}: '{path}' {rule}\n\nUsage:  {}\n\n{see} '{path} --help' for more information\n",
            help::usage(path)
        );
        told(text, Stream::Err, 1)
    }

    fn bad_value(&self) -> Mistake {
        let value = self.context(ContextKind::InvalidValue);
        let kind = self.error.kind();
        match self.culprit() {
            Some(option) if kind == ErrorKind::TooManyValues => self.bad_switch(option, &value),
            Some(option) if kind == ErrorKind::NoEquals => self.no_value(option),
            Some(option) if value.is_empty() && kind == ErrorKind::InvalidValue && !has_empty_value(self.arguments) => {
                self.no_value(option)
            }
            Some(option) => {
                let (name, why) = (named(option), self.reason(&value));
                self.flag_mistake(&format!("invalid argument \"{value}\" for \"{name}\" flag: {why}"))
            }
            None if kind == ErrorKind::TooManyValues => self.wrong_count(),
            // An argument's own parser, such as that of references, says it as docker does.
            None => told(format!("{}\n", self.reason(&value)), Stream::Err, 1),
        }
    }

    /// Go's words where docker has Go's words.
    fn reason(&self, value: &str) -> String {
        let known = match self.error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(known)) => known.as_slice(),
            _ => &[],
        };
        match self.error.source() {
            Some(source) => match source.downcast_ref::<ParseIntError>().map(ParseIntError::kind) {
                Some(IntErrorKind::PosOverflow | IntErrorKind::NegOverflow) => {
                    format!("strconv.ParseInt: parsing \"{value}\": value out of range")
                }
                Some(_) => format!("strconv.ParseInt: parsing \"{value}\": invalid syntax"),
                None => source.to_string(),
            },
            None if known.iter().any(|known| known == "true") => {
                format!("strconv.ParseBool: parsing \"{value}\": invalid syntax")
            }
            None => format!("must be one of {}", known.join(", ")),
        }
    }

    fn no_value(&self, option: &Arg) -> Mistake {
        let last = self.arguments.last().copied().unwrap_or_default();
        let text = match option.get_short() {
            Some(short) if !last.starts_with("--") && last.ends_with(short) => {
                format!("flag needs an argument: '{short}' in -{short}")
            }
            short => match option.get_long() {
                Some(long) => format!("flag needs an argument: --{long}"),
                None => format!("flag needs an argument: -{}", short.unwrap_or('-')),
            },
        };
        self.flag_mistake(&text)
    }

    /// The option clap names as `--filter <filter>`, `-a` or `--limit`.
    fn culprit(&self) -> Option<&Arg> {
        let name = self.context(ContextKind::InvalidArg);
        let name = name.split([' ', '=', '[']).next().unwrap_or_default();
        if let Some(long) = name.strip_prefix("--") {
            return self.path.option(|arg| arg.get_long() == Some(long));
        }
        let short = name.strip_prefix('-')?.chars().next();
        self.path.option(|arg| arg.get_short() == short)
    }

    fn bad_switch(&self, option: &Arg, value: &str) -> Mistake {
        let name = named(option);
        self.flag_mistake(&format!(
            "invalid argument \"{value}\" for \"{name}\" flag: strconv.ParseBool: parsing \"{value}\": invalid syntax"
        ))
    }

    fn flag_mistake(&self, first_line: &str) -> Mistake {
        self.with_usage(first_line, FLAG)
    }

    fn with_usage(&self, first_line: &str, exit_code: u8) -> Mistake {
        let path = &self.path;
        let usage = match path.to_string() {
            only if only == self.program() => format!("{only} [OPTIONS] COMMAND [ARG...]"),
            _ => help::usage(path),
        };
        let text = format!("{first_line}\n\nUsage:  {usage}\n\nRun '{path} --help' for more information\n");
        told(text, Stream::Err, exit_code)
    }

    /// What docker has no words for, such as flags that exclude each other.
    fn in_clap_s_words(&self) -> Mistake {
        let text = self.error.to_string();
        let first = text.lines().next().unwrap_or_default();
        self.flag_mistake(first.trim_start_matches("error: "))
    }

    fn program(&self) -> String {
        let path = self.path.to_string();
        path.split(' ').next().unwrap_or_default().to_owned()
    }

    fn context(&self, kind: ContextKind) -> String {
        self.error.get(kind).map(ToString::to_string).unwrap_or_default()
    }
}

/// Whether what clap does not know stands where flags stand.
fn is_flag(typed: &str, arguments: &[&str]) -> bool {
    let end = arguments.iter().position(|&argument| argument == "--");
    let flags = &arguments[..end.unwrap_or(arguments.len())];
    if typed.starts_with("--") {
        return flags.iter().any(|flag| flag.starts_with(typed));
    }
    let letter = typed.strip_prefix('-').and_then(|letters| letters.chars().next());
    letter.is_some_and(|letter| flags.iter().any(|flag| flag.starts_with('-') && flag.contains(letter)))
}

/// Whether some option has an empty value on purpose: `--platform=`, `--platform ""`.
fn has_empty_value(arguments: &[&str]) -> bool {
    arguments
        .iter()
        .any(|argument| argument.is_empty() || (argument.starts_with('-') && argument.ends_with('=')))
}

/// The parts of `-qznginx` before and from the letter `z`.
fn cluster_at<'a>(letter: char, arguments: &[&'a str]) -> Option<(&'a str, &'a str)> {
    arguments
        .iter()
        .filter(|argument| argument.starts_with('-') && !argument.starts_with("--"))
        .find_map(|argument| argument.find(letter).map(|at| argument.split_at(at)))
}

fn told(text: String, stream: Stream, exit_code: u8) -> Mistake {
    Mistake {
        notice: None,
        text,
        stream,
        exit_code,
    }
}

fn arguments(count: usize) -> String {
    match count {
        1 => "1 argument".to_owned(),
        count => format!("{count} arguments"),
    }
}

/// `-f, --filter`, as docker names an option.
fn named(option: &Arg) -> String {
    match (option.get_short(), option.get_long()) {
        (Some(short), Some(long)) => format!("-{short}, --{long}"),
        (Some(short), None) => format!("-{short}"),
        (None, long) => format!("--{}", long.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
