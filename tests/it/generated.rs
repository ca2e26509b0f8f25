//! `completions/` and `man/` are what the program makes. `RDOCK_REGENERATE=1 cargo test generated` rewrites them.
//! The scripts of `completions/` ask rdock, which completes from its command tree: see `completion`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::env::EnvCompleter;
use rdock::cli::Cli;
use rdock::cli::complete::SHELLS;
use rdock::cli::help;

type Files = BTreeMap<String, Vec<u8>>;

fn completions() -> Files {
    let shells = SHELLS.0.iter();
    let script = |shell: &&dyn EnvCompleter| {
        let name = match shell.name() {
            "zsh" => "_rdock".to_owned(),
            "powershell" => "_rdock.ps1".to_owned(),
            other => format!("rdock.{other}"),
        };
        let mut script = Vec::new();
        shell
            .write_registration("COMPLETE", "rdock", "rdock", "rdock", &mut script)
            .unwrap();
        (name, script)
    };
    shells.map(script).collect()
}

fn pages() -> Files {
    let mut pages = Files::new();
    let mut tree = Cli::command().disable_help_subcommand(true);
    tree.build();
    let whole = tree.clone();
    let mut pending = vec![("rdock".to_owned(), tree)];
    while let Some((name, command)) = pending.pop() {
        for child in command.get_subcommands() {
            pending.push((format!("{name}-{}", child.get_name()), child.clone()));
        }
        let mut page = Vec::new();
        let called = command.get_bin_name().unwrap_or("rdock");
        let words: Vec<&str> = called.split(' ').skip(1).collect();
        let usage = help::usage(&help::Path::follow(&whole, &words));
        let command = command.clone().name(name.clone()).override_usage(usage);
        clap_mangen::Man::new(command).render(&mut page).unwrap();
        pages.insert(format!("{name}.1"), page);
    }
    pages
}

fn assert_same(folder: &str, wanted: &Files) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    if std::env::var_os("RDOCK_REGENERATE").is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, content) in wanted {
            fs::write(folder.join(name), content).unwrap();
        }
    }
    let found: Files = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect();
    let differing: Vec<&String> = wanted
        .keys()
        .chain(found.keys())
        .filter(|name| wanted.get(*name) != found.get(*name))
        .collect();
    assert!(
        differing.is_empty(),
        "{} is not what the command tree makes: {differing:?}; run RDOCK_REGENERATE=1 cargo test generated",
        folder.display()
    );
}

#[test]
fn generated_completions_are_those_that_rdock_prints() {
    assert_same("completions", &completions());
}

#[test]
fn generated_man_pages_are_those_of_the_command_tree() {
    assert_same("man", &pages());
}
