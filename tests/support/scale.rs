//! How long a test of endurance is: short in the suite, longer by `tests/long/run`, which says so in the environment.

use std::env;
use std::str::FromStr;

/// The number that this variable gives, else the one for the suite.
pub(crate) fn given<T: FromStr>(variable: &str, in_the_suite: T) -> T {
    match env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
        Err(_) => in_the_suite,
    }
}

/// The program under test: the one that was built for the tests, or a release build.
pub(crate) fn program() -> String {
    env::var("RDOCK_TEST_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_rdock").to_owned())
}

/// Tells what came of it, for who runs the long form.
#[expect(clippy::print_stdout, reason = "a long form is run for its figures")]
pub(crate) fn tell(figures: &str) {
    println!("{figures}");
}
