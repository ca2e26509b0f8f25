//! The pages of the documentation that say which test holds which attack.

use std::fs;
use std::path::{Path, PathBuf};

/// All sources below these folders.
fn sources(mut folders: Vec<PathBuf>) -> String {
    let mut sources = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                sources += &fs::read_to_string(path).unwrap();
            }
        }
    }
    sources
}

/// The last cell of each row names tests, and nothing else.
#[test]
fn every_attack_in_the_table_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = sources(vec![root.join("src"), root.join("tests")]);
    let is_test = |name: &str| {
        let after = sources.split(&format!("fn {name}(")).next();
        let before = after.filter(|before| before.len() < sources.len());
        before.is_some_and(|before| {
            before
                .trim_end()
                .trim_end_matches("async")
                .trim_end()
                .ends_with("test]")
        })
    };
    for (page, least) in [("src/registry/attacks.rs", 90), ("src/server.rs", 40)] {
        let table = fs::read_to_string(root.join(page)).unwrap();
        let rows = table
            .lines()
            .filter(|line| line.starts_with("//! | ") && line.contains('`'));
        let cells: Vec<&str> = rows
            .map(|row| row.trim_end_matches(" |").rsplit(" | ").next().unwrap())
            .collect();
        let names: Vec<&str> = cells
            .iter()
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            .collect();
        assert!(names.len() >= least, "{page}: {}", names.len());
        assert!(cells.iter().all(|cell| cell.contains('`')), "{page}: {cells:?}");
        let lost: Vec<&&str> = names.iter().filter(|name| !is_test(name)).collect();
        assert!(lost.is_empty(), "{page} names what is no test: {lost:?}");
    }
}
