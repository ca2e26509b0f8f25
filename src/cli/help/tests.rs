use clap::{Arg, ArgAction, Command};

use super::*;

fn root() -> Command {
    let pull = Command::new("pull")
        .about("Download an image from a registry")
        .arg(
            Arg::new("quiet")
                .long("quiet")
                .short('q')
                .action(ArgAction::SetTrue)
                .help("Suppress verbose output"),
        )
        .arg(Arg::new("NAME").value_name("NAME[:TAG|@DIGEST]").required(true))
        .arg(
            Arg::new("platform")
                .long("platform")
                .value_name("string")
                .help("Set platform\nif there are several"),
        )
        .arg(
            Arg::new("limit")
                .long("limit")
                .value_name("int")
                .default_value("25")
                .help("How many"),
        )
        .arg(
            Arg::new("all")
                .long("all-tags")
                .short('a')
                .action(ArgAction::SetTrue)
                .help("Download all tags"),
        )
        .arg(Arg::new("secret").long("secret").hide(true));
    let mut root = Command::new("rdock")
        .about("Docker's registry commands")
        .arg(
            Arg::new("config")
                .long("config")
                .global(true)
                .value_name("string")
                .help("Folder"),
        )
        .subcommand(pull)
        .subcommand(Command::new("logout").about("Log out").arg(Arg::new("SERVER")))
        .subcommand(Command::new("tag").about("Create a tag"))
        .subcommand(
            Command::new("image")
                .about("Manage images")
                .subcommand(Command::new("ls").about("List images")),
        );
    root.build();
    root
}

fn help_of(arguments: &[&str]) -> String {
    help(&Path::follow(&root(), arguments))
}

#[test]
fn a_command_s_help_has_docker_s_shape() {
    assert_eq!(
        help_of(&["pull", "x"]),
        "Usage:  rdock pull [OPTIONS] NAME[:TAG|@DIGEST]

Download an image from a registry

Aliases:
  rdock image pull, rdock pull

Options:
  -a, --all-tags          Download all tags
      --limit int         How many (default 25)
      --platform string   Set platform
                          if there are several
  -q, --quiet             Suppress verbose output
"
    );
}

#[test]
fn a_command_without_options_has_no_heading_for_them() {
    assert_eq!(help_of(&["logout"]), "Usage:  rdock logout [SERVER]\n\nLog out\n");
}

#[test]
fn groups_list_their_commands() {
    assert_eq!(
        help_of(&[]),
        "Usage:  rdock [OPTIONS] COMMAND

Docker's registry commands

Common Commands:
  pull     Download an image from a registry
  logout   Log out

Management Commands:
  image   Manage images

Commands:
  tag   Create a tag

Global Options:
      --config string   Folder

Run 'rdock COMMAND --help' for more information on a command.
"
    );
    assert_eq!(
        help_of(&["image"]),
        "Usage:  rdock image COMMAND

Manage images

Commands:
  ls   List images

Run 'rdock image COMMAND --help' for more information on a command.
"
    );
}

#[test]
fn options_and_their_values_do_not_lead_astray() {
    let root = root();
    for arguments in [
        &["--config", "image", "pull", "x"][..],
        &["--config=image", "pull", "image"],
        &["pull", "--config", "x", "image"],
        &["help", "pull"],
    ] {
        assert_eq!(
            Path::follow(&root, arguments).to_string(),
            "rdock pull",
            "{arguments:?}"
        );
    }
    assert_eq!(Path::follow(&root, &["image", "ls"]).to_string(), "rdock image ls");
}
