//! Usage lines and help in docker's shape, made from the command tree: a command states its arguments once.

use std::fmt::Write;

use clap::builder::Resettable;
use clap::{Arg, ArgAction, Command};

/// What the user called: the commands from the program down to the one that was meant, each with its own name.
pub struct Path<'a> {
    commands: Vec<&'a Command>,
}

impl<'a> Path<'a> {
    /// Follows the arguments (without the program's own name) down the tree, past options and their values.
    pub fn follow<S: AsRef<str>>(root: &'a Command, arguments: &[S]) -> Self {
        let mut path = Self { commands: vec![root] };
        let mut arguments = arguments.iter().map(AsRef::as_ref);
        while let Some(argument) = arguments.next() {
            let is_option = argument.starts_with('-') && argument.len() > 1;
            match path.command().find_subcommand(argument) {
                _ if is_option => match path.option_called(argument) {
                    Some(option) if takes_next(option, argument) => drop(arguments.next()),
                    Some(_) => {}
                    None => break,
                },
                // clap's own command, which repeats the tree below itself.
                Some(command) if command.get_name() == "help" => {}
                Some(command) => path.commands.push(command),
                None => break,
            }
        }
        path
    }

    /// The command that was meant.
    pub fn command(&self) -> &'a Command {
        self.commands[self.commands.len() - 1]
    }

    /// Whether no command was called.
    pub fn is_root(&self) -> bool {
        self.commands.len() == 1
    }

    /// All ways to call the command, if there are several.
    fn same(&self) -> Option<&'static [&'static str]> {
        let names: Vec<&str> = self.commands.iter().skip(1).map(|command| command.get_name()).collect();
        let call = names.join(" ");
        SAME.into_iter().find(|calls| calls.contains(&call.as_str()))
    }

    /// The option with this long or short name, here or global above.
    pub fn option(&self, is_it: impl Fn(&Arg) -> bool) -> Option<&'a Arg> {
        let own = self.command().get_arguments();
        let above = self.commands.iter().flat_map(|command| command.get_arguments());
        own.chain(above.filter(|arg| arg.is_global_set()))
            .find(|arg| !arg.is_positional() && is_it(arg))
    }

    /// The option that decides what follows `--long`, `--long=value` or `-qf`.
    fn option_called(&self, argument: &str) -> Option<&'a Arg> {
        match argument.strip_prefix("--") {
            Some(long) => {
                let name = long.split_once('=').map_or(long, |(name, _)| name);
                self.option(|arg| arg.get_long() == Some(name))
            }
            None => argument[1..].chars().map_while(|letter| self.option_of(letter)).last(),
        }
    }

    fn option_of(&self, letter: char) -> Option<&'a Arg> {
        self.option(|arg| arg.get_short() == Some(letter))
    }
}

/// Whether the option's value is the next argument, not a part of this one.
fn takes_next(option: &Arg, argument: &str) -> bool {
    let ends_with_name = match argument.strip_prefix("--") {
        Some(long) => option.get_long() == Some(long),
        None => argument.chars().last() == option.get_short(),
    };
    ends_with_name && option.get_action().takes_values() && !option.is_require_equals_set()
}

/// As it is called: `rdock image rm`.
impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.commands.iter().map(|command| command.get_name()).collect();
        f.write_str(&names.join(" "))
    }
}

/// What follows `Usage:  `: the command's own `override_usage`, or one made from its arguments.
pub fn usage(path: &Path<'_>) -> String {
    let command = path.command();
    let written = |command: Command| {
        let usage = command.clone().render_usage().to_string();
        usage.trim_start_matches("Usage:").trim().to_owned()
    };
    let own = written(command.clone());
    if own != written(command.clone().override_usage(Resettable::Reset)) {
        return own.replacen("rdock", path.commands[0].get_name(), 1);
    }
    let mut usage = path.to_string();
    if shown_options(command).next().is_some() {
        usage += " [OPTIONS]";
    }
    if command.has_subcommands() {
        usage += " COMMAND";
    }
    for arg in command.get_positionals().filter(|arg| !arg.is_hide_set()) {
        let name = value_name(arg);
        let _ = match (arg.is_required_set(), is_many(arg)) {
            (true, false) => write!(usage, " {name}"),
            (true, true) => write!(usage, " {name} [{name}...]"),
            (false, false) => write!(usage, " [{name}]"),
            (false, true) => write!(usage, " [{name}...]"),
        };
    }
    usage
}

/// What docker lists first, in its order.
const COMMON: [&str; 8] = ["pull", "push", "images", "login", "logout", "search", "version", "info"];

/// Docker's ways to call one and the same command.
const SAME: [&[&str]; 13] = [
    &["container ls", "container list", "container ps", "ps"],
    &["container rm", "container remove", "rm"],
    &["image history", "history"],
    &["image import", "import"],
    &["image load", "load"],
    &["image ls", "image list", "images"],
    &["image pull", "pull"],
    &["image push", "push"],
    &["image rm", "image remove", "rmi"],
    &["image save", "save"],
    &["image tag", "tag"],
    &["system info", "info"],
    &["context ls", "context list"],
];

/// The whole help text.
pub fn help(path: &Path<'_>) -> String {
    let command = path.command();
    let mut help = format!("Usage:  {}\n", usage(path));
    let about = command.get_long_about().or_else(|| command.get_about());
    if let Some(about) = about {
        let _ = write!(help, "\n{about}\n");
    }
    if let Some(calls) = path.same() {
        let program = path.commands[0].get_name();
        let calls: Vec<String> = calls.iter().map(|call| format!("{program} {call}")).collect();
        let _ = write!(help, "\nAliases:\n  {}\n", calls.join(", "));
    }
    let subcommands = || {
        command
            .get_subcommands()
            .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
    };
    let (groups, single): (Vec<_>, Vec<_>) = subcommands().partition(|sub| sub.has_subcommands());
    let place = |sub: &Command| {
        COMMON
            .iter()
            .position(|name| *name == sub.get_name() && path.commands.len() == 1)
    };
    let (mut common, single): (Vec<_>, Vec<_>) = single.into_iter().partition(|sub| place(sub).is_some());
    common.sort_by_key(|sub| place(sub));
    section(&mut help, "Common Commands", common.into_iter().map(described));
    section(&mut help, "Management Commands", groups.into_iter().map(described));
    section(&mut help, "Commands", single.into_iter().map(described));
    let title = if command.has_subcommands() && path.commands.len() == 1 {
        "Global Options"
    } else {
        "Options"
    };
    let mut options: Vec<&Arg> = shown_options(command).collect();
    options.sort_by_key(|arg| arg.get_long().unwrap_or_default());
    section(&mut help, title, options.into_iter().map(explained));
    if let Some(after) = command.get_after_help() {
        let _ = write!(help, "\n{after}\n");
    }
    if command.has_subcommands() {
        let _ = write!(
            help,
            "\nRun '{path} COMMAND --help' for more information on a command.\n"
        );
    }
    help
}

fn section(help: &mut String, title: &str, entries: impl Iterator<Item = (String, String)>) {
    let entries: Vec<(String, String)> = entries.collect();
    let Some(width) = entries.iter().map(|(name, _)| name.len()).max() else {
        return;
    };
    let _ = write!(help, "\n{title}:\n");
    for (name, text) in entries {
        let text = text.replace('\n', &format!("\n{:1$}", "", width + 5));
        let _ = writeln!(help, "{}", format!("  {name:width$}   {text}").trim_end());
    }
}

fn described(command: &Command) -> (String, String) {
    let about = command.get_about().map(ToString::to_string);
    (command.get_name().to_owned(), about.unwrap_or_default())
}

/// `-f, --filter filter` and what it does, with the default that is not the obvious one.
fn explained(arg: &Arg) -> (String, String) {
    let mut name = match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(long)) => format!("-{short}, --{long}"),
        (Some(short), None) => format!("-{short}"),
        (None, long) => format!("    --{}", long.unwrap_or_default()),
    };
    let takes_value = arg.get_action().takes_values() && !arg.is_require_equals_set();
    if takes_value {
        let _ = write!(name, " {}", value_name(arg));
    }
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    if takes_value && !arg.is_hide_default_value_set() {
        for default in arg.get_default_values() {
            let default = default.to_string_lossy();
            let _ = match default.parse::<i64>() {
                Ok(number) => write!(text, " (default {number})"),
                Err(_) => write!(text, " (default \"{default}\")"),
            };
        }
    }
    (name, text)
}

fn shown_options(command: &Command) -> impl Iterator<Item = &Arg> {
    let is_root = command.get_bin_name().is_none_or(|name| !name.contains(' '));
    command.get_arguments().filter(move |arg| {
        let is_standing = matches!(
            arg.get_action(),
            ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong
        );
        !arg.is_positional() && !arg.is_hide_set() && !is_standing && (is_root || !arg.is_global_set())
    })
}

fn value_name(arg: &Arg) -> String {
    match arg.get_value_names() {
        Some([name, ..]) => name.to_string(),
        _ => arg.get_id().to_string(),
    }
}

fn is_many(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|count| count.max_values() > 1)
}

#[cfg(test)]
mod tests;
