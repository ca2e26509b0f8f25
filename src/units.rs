//! Sizes in docker's words (github.com/docker/go-units).

const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/// A number of bytes with 3 significant digits, as tables show it: `21.5MB`.
pub fn size(bytes: u64) -> String {
    with_digits(bytes, 3)
}

/// A number of bytes with 4 significant digits, as progress and sums show it: `501.8kB`.
pub fn precise_size(bytes: u64) -> String {
    with_digits(bytes, 4)
}

fn with_digits(bytes: u64, digits: usize) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "at most 4 digits of it are shown, as docker does"
    )]
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    match significant(value, digits) {
        Some(number) => number + UNITS[unit],
        // Docker prints 1e+03kB here.
        None => format!("1{}", UNITS[(unit + 1).min(UNITS.len() - 1)]),
    }
}

/// Go's `%.Ng` for a value that needs no exponent; `None` where rounding makes one necessary.
fn significant(value: f64, digits: usize) -> Option<String> {
    let scientific = format!("{value:.*e}", digits - 1);
    let exponent: usize = scientific.split_once('e')?.1.parse().ok()?;
    let decimals = digits.checked_sub(1 + exponent)?;
    let fixed = format!("{value:.decimals$}");
    Some(match fixed.split_once('.') {
        Some(_) => fixed.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => fixed,
    })
}
