//! The table of attacks in the server's documentation.

use std::fs;
use std::path::Path;

/// All sources below a folder, one after the other.
fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|it| it == "rs") {
            all.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn each_attack_in_the_table_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("src/server.rs")).unwrap();
    let mut all = String::new();
    sources(&root.join("src"), &mut all);
    sources(&root.join("tests"), &mut all);
    let rows = page
        .lines()
        .filter(|line| line.starts_with("//! | ") && line.contains('`'));
    let tests = rows.filter_map(|row| row.rsplit_once(" | ")?.1.strip_suffix(" |"));
    let names: Vec<&str> = tests
        .flat_map(|cell| cell.split(['`', ' ']))
        .filter(|name| !name.is_empty())
        .collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        assert!(
            all.contains(&format!("#[test]\nfn {name}()")) || all.contains(&format!("#[test]\n    fn {name}()")),
            "{name}"
        );
    }
}
