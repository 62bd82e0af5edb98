//! The `cohort` binary: parses the arguments, does what they ask and maps the result to an exit
//! code.

mod heap;

use std::process::ExitCode;

use clap::Parser as _;
use cohort::{Cli, Kind, choose_colour, end_on_panic, execute, print_error, refusal};

fn main() -> ExitCode {
    heap::set_up();
    end_on_panic(heap::release);
    choose_colour(std::env::args_os());
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(asked) if !asked.use_stderr() => {
            // Help or the version was asked for. A reader who has gone away is not a failure.
            let _ = asked.print();
            return ExitCode::SUCCESS;
        }
        Err(wrong) => return fail(Kind::Usage, &refusal(&wrong)),
    };
    match execute(&cli) {
        Ok(verdict) => ExitCode::from(verdict.exit_code()),
        Err(error) => fail(error.kind(), &error.to_string()),
    }
}

fn fail(kind: Kind, message: &str) -> ExitCode {
    print_error(message);
    ExitCode::from(kind.exit_code())
}
