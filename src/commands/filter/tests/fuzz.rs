use super::super::*;
use crate::tests::fuzz::Target;

#[test]
fn a_condition_prints_as_what_it_was_read_from() {
    let seeds = [
        "label=a=b",
        "until=24h",
        "until=2026-01-31T12:00:00Z",
        "reference=*/[a-z]*",
        "dangling=true",
        "until=1.5",
        "label!=x",
    ];
    let words = [
        "=",
        "until=",
        "label=",
        "reference=",
        "dangling=",
        "-",
        "T",
        "Z",
        "+23:59",
        ".",
        "999999999999",
        "[",
        "*",
        "\\",
    ];
    let nowhere = tempfile::tempdir().unwrap();
    let store = Store::at(nowhere.path().to_owned());
    let now = Timestamp::now();
    let name = Reference::parse("h:5000/a/b:1").unwrap();
    let mut target = Target::text("filters", seeds, &words);
    target.cases = 500;
    target.check_texts(|text| {
        let Ok(condition) = text.parse::<Condition>() else {
            return (0, None);
        };
        assert_eq!(condition.to_string().parse::<Condition>().unwrap(), condition);
        let until = moment(&condition.value, now).ok();
        let filter = ImageFilter::new(std::slice::from_ref(&condition), &ImageFilter::LISTING, &store);
        let fits = filter.as_ref().ok().map(|filter| filter.fits_name(&name).unwrap());
        (
            1 + i32::from(until.is_some_and(|it| it < now)) + 2 * i32::from(until.is_some()),
            fits,
        )
    });
}
