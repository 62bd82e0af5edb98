//! The `cohort` binary: parses the arguments, does what they ask and maps the result to an exit
//! code.

mod heap;
mod signals;
mod stack;

use std::process::ExitCode;

use clap::Parser as _;
use cohort::{
    Cli, Error, Kind, choose_colour, end_before_it_began, end_on_panic, execute, help_printed,
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
            return match released().and_then(|()| help_printed(asked.print())) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&error),
            };
        }
        Err(wrong) => return end_before_it_began(Kind::Usage, &refusal(&wrong)).into(),
    };
    let ready = if cli.ends_well() { Ok(()) } else { released() };
    match ready.and_then(|()| execute(&cli)) {
        Ok(verdict) => ExitCode::from(verdict.exit_code()),
        Err(error) => fail(&error),
    }
}

/// From now on a signal ends the process at once, unless one has come already.
fn released() -> Result<(), Error> {
    signals::release();
    stopped().map_or(Ok(()), Err)
}

fn fail(error: &Error) -> ExitCode {
    print_error(&error.to_string());
    ExitCode::from(error.kind().exit_code())
}
