use super::super::*;
use crate::tests::fuzz::Target;

#[test]
fn only_possible_names_come_out_of_a_list() {
    let seeds = [
        r#"["a", null, 7, -7, 1.5, true, ["x", ["y"]], {"z": "z"}, "", "b"]"#,
        "null",
        "[]",
    ];
    let words = ["\"a\",", "[", "]", "{\"a\":", "\"\\u0000\"", "null,"];
    let mut target = Target::text("lists", seeds, &words);
    target.longest = 64 << 10;
    target.check(|input| {
        let names: Names = serde_json::from_slice(input).ok()?;
        assert!(names.0.iter().all(|name| (1..=MAX_NAME).contains(&name.len())));
        assert!(names.0.len() <= input.len());
        Some(names.0.len().min(8))
    });
}
