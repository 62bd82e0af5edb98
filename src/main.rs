//! The `cohort` binary: parses the arguments, does what they ask and maps the result to an exit
//! code.

mod heap;
mod signals;
mod stack;

use std::process::ExitCode;

use clap::Parser as _;
use cohort::{
    Cli, Kind, choose_colour, end_before_it_began, end_on_panic, execute, help_printed,
    print_error, refusal, stopped, tell_those_who_wait,
};

fn main() -> ExitCode {
    signals::catch();
    heap::set_up();
    end_on_panic(heap::release);
    tell_those_who_wait(std::env::args_os());
    stack::with_room(run)
}

fn run() -> ExitCode {
    choose_colour(std::env::args_os());
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help or the version was asked for.
        Err(asked) if !asked.use_stderr() => {
            return match help_printed(asked.print()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(error.kind(), &error.to_string()),
            };
        }
        Err(wrong) => return end_before_it_began(Kind::Usage, &refusal(&wrong)).into(),
    };
    if !cli.ends_well() {
        signals::release();
        if let Some(error) = stopped() {
            return fail(error.kind(), &error.to_string());
        }
    }
    match execute(&cli) {
        Ok(verdict) => ExitCode::from(verdict.exit_code()),
        Err(error) => fail(error.kind(), &error.to_string()),
    }
}

fn fail(kind: Kind, message: &str) -> ExitCode {
    print_error(message);
    ExitCode::from(kind.exit_code())
}
