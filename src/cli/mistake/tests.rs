//! Against the errors of docker 28.2.2, with the program's name changed.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command, value_parser};

use super::*;

fn name_value(text: &str) -> Result<String, String> {
    if text.contains('=') {
        Ok(text.to_owned())
    } else {
        Err("bad format of filter (expected name=value)".to_owned())
    }
}

fn switch(name: &'static str, short: char) -> Arg {
    Arg::new(name).long(name).short(short).action(ArgAction::SetTrue)
}

fn filter() -> Arg {
    let parser = ValueParser::from(name_value);
    Arg::new("filter")
        .long("filter")
        .short('f')
        .value_name("filter")
        .action(ArgAction::Append)
        .value_parser(parser)
}

/// A switch that takes `=true` and `=false` as docker's do.
fn strict_switch() -> Arg {
    Arg::new("no-trunc")
        .long("no-trunc")
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_parser(value_parser!(bool))
}

fn positional(name: &'static str) -> Arg {
    Arg::new(name).value_name(name)
}

fn pull() -> Command {
    Command::new("pull")
        .arg(switch("all-tags", 'a'))
        .arg(switch("quiet", 'q'))
        .arg(Arg::new("platform").long("platform").value_name("string"))
        .arg(positional("NAME[:TAG|@DIGEST]").required(true))
}

fn rm(name: &'static str) -> Command {
    Command::new(name).arg(switch("force", 'f')).arg(
        positional("IMAGE")
            .required(true)
            .num_args(1..)
            .action(ArgAction::Append),
    )
}

fn root() -> Command {
    let ls = Command::new("ls")
        .visible_alias("list")
        .arg(filter())
        .arg(positional("REPOSITORY[:TAG]"));
    let image = Command::new("image")
        .about("Manage images")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([rm("rm").visible_alias("remove"), ls, pull()]);
    Command::new("rdock")
        .version("1.2.3")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args_override_self(true)
        .arg(Arg::new("config").long("config").value_name("string").global(true))
        .subcommands([
            pull(),
            rm("rmi"),
            image,
            Command::new("tag")
                .arg(positional("SOURCE_IMAGE[:TAG]").required(true))
                .arg(positional("TARGET_IMAGE[:TAG]").required(true)),
            Command::new("logout").arg(positional("SERVER")),
            Command::new("load").arg(switch("quiet", 'q')),
            Command::new("search")
                .arg(filter())
                .arg(
                    Arg::new("limit")
                        .long("limit")
                        .value_name("int")
                        .value_parser(value_parser!(i64)),
                )
                .arg(Arg::new("progress").long("progress").value_parser(["auto", "plain"]))
                .arg(strict_switch())
                .arg(positional("TERM").required(true)),
            Command::new("inspect")
                .override_usage("rdock inspect [OPTIONS] [MANIFEST_LIST] MANIFEST")
                .arg(positional("MANIFEST").required(true).num_args(1..=2)),
        ])
}

fn told_of(line: &str) -> Mistake {
    let arguments: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    let argv = ["rdock"].iter().chain(&arguments);
    let error = root().try_get_matches_from(argv).unwrap_err();
    explain(&error, root, &arguments)
}

const PULL_USAGE: &str =
    "Usage:  rdock pull [OPTIONS] NAME[:TAG|@DIGEST]\n\nRun 'rdock pull --help' for more information";
const SEARCH_USAGE: &str = "Usage:  rdock search [OPTIONS] TERM\n\nRun 'rdock search --help' for more information";

#[track_caller]
fn assert_told(line: &str, exit_code: u8, text: &str) {
    let mistake = told_of(line);
    assert_eq!(mistake.text, format!("{text}\n"), "{line}");
    assert_eq!((mistake.stream, mistake.exit_code), (Stream::Err, exit_code), "{line}");
}

#[test]
fn wrong_numbers_of_arguments_end_with_1() {
    for line in ["pull", "pull a b", "pull -q", "--config x pull", "pull -- -a b"] {
        assert_told(
            line,
            1,
            &format!("rdock: 'rdock pull' requires 1 argument\n\n{PULL_USAGE}"),
        );
    }
    for line in ["tag", "tag nginx", "tag a b c"] {
        let text = "rdock: 'rdock tag' requires 2 arguments\n\nUsage:  rdock tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]\n\n\
                    Run 'rdock tag --help' for more information";
        assert_told(line, 1, text);
    }
    let text = "rdock: 'rdock rmi' requires at least 1 argument\n\nUsage:  rdock rmi [OPTIONS] IMAGE [IMAGE...]\n\n\
                See 'rdock rmi --help' for more information";
    assert_told("rmi", 1, text);
    assert_told("image remove", 1, &text.replace("rmi", "image rm"));
    let text = "rdock: 'rdock logout' requires at most 1 argument\n\nUsage:  rdock logout [SERVER]\n\n\
                Run 'rdock logout --help' for more information";
    assert_told("logout a b", 1, text);
    let text = "rdock: 'rdock load' accepts no arguments\n\nUsage:  rdock load [OPTIONS]\n\n\
                Run 'rdock load --help' for more information";
    assert_told("load x", 1, text);
    let text = "rdock: 'rdock inspect' requires at least 1 and at most 2 arguments\n\n\
                Usage:  rdock inspect [OPTIONS] [MANIFEST_LIST] MANIFEST\n\n\
                Run 'rdock inspect --help' for more information";
    assert_told("inspect", 1, text);
    assert_told("inspect a b c", 1, text);
}

#[test]
fn unknown_flags_end_with_125() {
    for (line, first) in [
        ("pull --nosuchflag nginx", "unknown flag: --nosuchflag"),
        ("pull --nosuchflag=x nginx", "unknown flag: --nosuchflag"),
        ("pull nginx --quite", "unknown flag: --quite"),
        ("pull -z nginx", "unknown shorthand flag: 'z' in -z"),
        ("pull -nginx", "unknown shorthand flag: 'n' in -nginx"),
        ("pull -qz nginx", "unknown shorthand flag: 'z' in -z"),
    ] {
        assert_told(line, 125, &format!("{first}\n\n{PULL_USAGE}"));
    }
    let text = "unknown flag: --nosuch\n\nUsage:  rdock image ls [OPTIONS] [REPOSITORY[:TAG]]\n\n\
                Run 'rdock image ls --help' for more information";
    assert_told("image list --nosuch", 125, text);
    let text =
        "unknown flag: --nosuch\n\nUsage:  rdock [OPTIONS] COMMAND [ARG...]\n\nRun 'rdock --help' for more information";
    assert_told("--nosuch", 125, text);
    assert_told("--nosuch pull", 125, text);
}

#[test]
fn values_that_flags_do_not_take_end_with_125() {
    for (line, first) in [
        (
            "search --limit x t",
            "invalid argument \"x\" for \"--limit\" flag: strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        (
            "search --limit 99999999999999999999 t",
            "invalid argument \"99999999999999999999\" for \"--limit\" flag: strconv.ParseInt: parsing \
             \"99999999999999999999\": value out of range",
        ),
        (
            "search -f stars t",
            "invalid argument \"stars\" for \"-f, --filter\" flag: bad format of filter (expected name=value)",
        ),
        ("search t --filter", "flag needs an argument: --filter"),
        ("search t -f", "flag needs an argument: 'f' in -f"),
        (
            "search --no-trunc=maybe t",
            "invalid argument \"maybe\" for \"--no-trunc\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
        ),
        ("search --limit", "flag needs an argument: --limit"),
        (
            "search --limit= t",
            "invalid argument \"\" for \"--limit\" flag: strconv.ParseInt: parsing \"\": invalid syntax",
        ),
        (
            "search --progress loud t",
            "invalid argument \"loud\" for \"--progress\" flag: must be one of auto, plain",
        ),
    ] {
        assert_told(line, 125, &format!("{first}\n\n{SEARCH_USAGE}"));
    }
    let first =
        "invalid argument \"maybe\" for \"-a, --all-tags\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax";
    assert_told("pull --all-tags=maybe nginx", 125, &format!("{first}\n\n{PULL_USAGE}"));
    assert_told("pull -a=maybe nginx", 125, &format!("{first}\n\n{PULL_USAGE}"));
}

#[test]
fn unknown_commands_end_with_1() {
    let text = "rdock: unknown command: rdock nosuchcmd\n\nRun 'rdock --help' for more information";
    assert_told("nosuchcmd", 1, text);
    let text = "rdock: unknown command: rdock image nosuch\n\nUsage:  rdock image\n\n\
                Run 'rdock image --help' for more information";
    assert_told("image nosuch", 1, text);
    assert_told("help nosuch", 1, "unknown help topic: nosuch");
}

#[test]
fn a_group_alone_shows_its_help_on_stderr_and_succeeds() {
    for line in ["", "image"] {
        let mistake = told_of(line);
        assert_eq!((mistake.stream, mistake.exit_code), (Stream::Err, 0), "{line}");
        let asked = told_of(&format!("{line} --help"));
        assert_eq!((asked.stream, asked.exit_code), (Stream::Out, 0), "{line}");
        assert_eq!(asked.text, mistake.text);
    }
    assert!(told_of("").text.starts_with("Usage:  rdock [OPTIONS] COMMAND\n"));
    assert!(
        told_of("image")
            .text
            .starts_with("Usage:  rdock image COMMAND\n\nManage images\n\nCommands:\n")
    );
}

#[test]
fn help_and_version_are_answered_on_stdout() {
    assert_eq!(told_of("help pull"), told_of("pull --help"));
    assert!(
        told_of("pull --help")
            .text
            .starts_with("Usage:  rdock pull [OPTIONS] NAME[:TAG|@DIGEST]\n")
    );
    let version = told_of("--version");
    assert_eq!(
        (version.text.as_str(), version.stream, version.exit_code),
        (
            concat!("rdock version ", env!("CARGO_PKG_VERSION"), "\n"),
            Stream::Out,
            0
        )
    );
}

#[test]
fn letters_behind_a_call_for_help_are_read_first() {
    let mistake = told_of("pull -host.com/foo");
    assert!(
        mistake
            .text
            .starts_with("unknown shorthand flag: 'o' in -ost.com/foo\n"),
        "{}",
        mistake.text
    );
    assert_eq!(mistake.exit_code, 125);
    assert!(told_of("pull -hq").text.starts_with("Usage:  rdock pull"));
}
