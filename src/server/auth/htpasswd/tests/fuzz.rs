use super::super::*;
use crate::tests::fuzz::Target;

#[test]
fn a_file_of_users_is_read_as_a_whole_or_not_at_all() {
    let good = "alice:$2y$05$abcdefghijklmnopqrstuuCkPmFpHCBuRkUwrTqDxHzsD.YfgJbKu";
    let seeds = [
        format!("# users\n\n{good}\n"),
        format!("{good}\r\nbob:$2b$12${}", "a".repeat(53)),
        "x:{SHA}y".to_owned(),
    ];
    let words = ["$2y$", "$2b$", "31$", "99$", "03$", ":", "\n", "#", "$", "\u{e9}"];
    Target::text("htpasswd", seeds, &words).check_texts(|text| {
        let users = match Users::parse(Path::new("users"), text) {
            Ok(users) => users,
            Err(e) => return e.to_string().chars().filter(|c| !c.is_ascii_digit()).take(40).collect(),
        };
        // Whoever is not in the file has to wait as long as the slowest who is.
        let nobody: bcrypt::HashParts = users.nobody().parse().unwrap();
        for hash in users.hashes.values() {
            let parts: bcrypt::HashParts = hash.parse().unwrap();
            assert!(parts.get_cost() <= nobody.get_cost());
        }
        format!("{} {}", users.hashes.len().min(4), nobody.get_cost())
    });
}
