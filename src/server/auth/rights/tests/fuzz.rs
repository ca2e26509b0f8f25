use super::super::*;
use crate::tests::fuzz::Target;

#[test]
fn a_file_of_rights_gives_nobody_more_than_its_lines() {
    let seeds = [
        "# who\nanonymous pull public/\n* pull team/base\nalice pull,push team/\nroot push,delete *\n",
        "bob delete x",
    ];
    let words = [
        "anonymous",
        "pull",
        "push",
        "delete",
        "*",
        " ",
        "\n",
        "/",
        "..",
        ",",
        "#",
        "team/",
        "\u{a0}",
    ];
    Target::text("rights", seeds, &words).check_texts(|text| {
        let rights = match Rights::parse(Path::new("rights"), text) {
            Ok(rights) => rights,
            Err(e) => {
                return e
                    .to_string()
                    .chars()
                    .filter(char::is_ascii_alphabetic)
                    .take(40)
                    .collect();
            }
        };
        let names = ["public/a", "public", "team/base", "team/app", "x", "../x", ""];
        let mut given = String::new();
        for user in ["", "alice", "anonymous", "*"] {
            for name in names {
                for action in Action::ALL {
                    let may = rights.allow(user, name, action);
                    // Nobody in particular may only ever pull, and only where that is said.
                    assert!(!may || !user.is_empty() || (action == Action::Pull && text.contains("anonymous")));
                    assert!(!may || text.lines().any(|line| !line.trim_start().starts_with('#')));
                    given.push(if may { 'y' } else { 'n' });
                }
            }
        }
        given
    });
}
