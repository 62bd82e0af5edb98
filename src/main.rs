fn main() {
    println!("{}", cohort::x());
}
