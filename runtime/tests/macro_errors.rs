//! What the macro says to who writes an actor wrongly: the user's line, and what to write.

#[test]
fn errors_point_at_the_users_line() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
