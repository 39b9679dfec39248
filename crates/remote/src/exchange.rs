//! One run of `ssh`: what goes in, what comes out, and deadlines.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};

/// What is still to go to standard input.
#[derive(Debug, Default)]
pub(crate) struct Input<'a> {
    parts: VecDeque<&'a [u8]>,
    closed: bool,
}

impl<'a> Input<'a> {
    pub(crate) fn push(&mut self, bytes: &'a [u8]) {
        if !bytes.is_empty() {
            self.parts.push_back(bytes);
        }
    }

    /// Nothing more will come.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    fn wrote(&mut self, count: usize) {
        if let Some(part) = self.parts.front_mut() {
            *part = &part[count..];
            if part.is_empty() {
                self.parts.pop_front();
            }
        }
    }
}

/// Who listens. An error ends the program.
pub(crate) trait Talk<'a> {
    /// Something came from standard output.
    fn stdout(&mut self, bytes: &[u8], input: &mut Input<'a>) -> io::Result<()>;
    /// Something came from standard error.
    fn stderr(&mut self, bytes: &[u8], input: &mut Input<'a>) -> io::Result<()>;
}

/// How long a program may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// In all.
    pub(crate) whole: Duration,
    /// Without a byte in any direction.
    pub(crate) silence: Option<Duration>,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum End {
    Exited(ExitStatus),
    /// It took too long, and was killed.
    Deadline,
    /// It was silent for too long, and was killed.
    Silent,
    /// Who listened did not want to any more.
    Refused(io::Error),
}

/// How long to wait for the rest of the output of a program that has ended: something that it left behind may hold the pipes.
const REST: Duration = Duration::from_secs(1);
/// How often to look whether it has ended.
const TICK: Duration = Duration::from_millis(200);

/// Runs a program to its end, in a process group of its own: a terminal's signals are for us, and what it started goes with it
/// when it is killed.
///
/// # Errors
/// If it cannot be started.
pub(crate) fn exchange<'a>(
    command: &mut Command,
    limits: Limits,
    talk: &mut dyn Talk<'a>,
    mut input: Input<'a>,
) -> io::Result<End> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = Running(command.spawn()?);
    let begin = Instant::now();
    let mut stdin = child.0.stdin.take();
    let mut stdout = child.0.stdout.take();
    let mut stderr = child.0.stderr.take();
    if let Some(pipe) = &stdin {
        unblocked(pipe)?;
    }
    if let Some(pipe) = &stdout {
        unblocked(pipe)?;
    }
    if let Some(pipe) = &stderr {
        unblocked(pipe)?;
    }
    let (mut heard, mut looked) = (begin, begin);
    let mut ended: Option<(ExitStatus, Instant)> = None;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if input.closed && input.parts.is_empty() {
            stdin = None;
        }
        if stdout.is_none() && stderr.is_none() {
            break;
        }
        let now = Instant::now();
        if now.duration_since(begin) >= limits.whole {
            return Ok(End::Deadline);
        }
        if limits.silence.is_some_and(|silence| now.duration_since(heard) >= silence) {
            return Ok(End::Silent);
        }
        if ended.is_none() && now.duration_since(looked) >= TICK {
            looked = now;
            ended = child.0.try_wait()?.map(|status| (status, now));
        }
        if ended.is_some_and(|(_, at)| now.duration_since(at) >= REST) {
            break;
        }
        let ready = wait(
            stdin.as_ref().filter(|_| !input.parts.is_empty()).map(AsFd::as_fd),
            stdout.as_ref().map(AsFd::as_fd),
            stderr.as_ref().map(AsFd::as_fd),
        )?;
        if ready[1]
            && let Some(pipe) = &mut stdout
        {
            match read(pipe, &mut buffer)? {
                Came::Bytes(count) => {
                    heard = Instant::now();
                    if let Err(error) = talk.stdout(&buffer[..count], &mut input) {
                        return Ok(End::Refused(error));
                    }
                }
                Came::Nothing => {}
                Came::End => stdout = None,
            }
        }
        if ready[2]
            && let Some(pipe) = &mut stderr
        {
            match read(pipe, &mut buffer)? {
                Came::Bytes(count) => {
                    heard = Instant::now();
                    if let Err(error) = talk.stderr(&buffer[..count], &mut input) {
                        return Ok(End::Refused(error));
                    }
                }
                Came::Nothing => {}
                Came::End => stderr = None,
            }
        }
        if ready[0]
            && let (Some(pipe), Some(part)) = (&mut stdin, input.parts.front())
        {
            match pipe.write(part) {
                Ok(count) => {
                    heard = Instant::now();
                    input.wrote(count);
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                // It does not want it; what it says will tell why.
                Err(_) => {
                    input.parts.clear();
                    stdin = None;
                }
            }
        }
    }
    drop(stdin);
    loop {
        if let Some((status, _)) = ended {
            return Ok(End::Exited(status));
        }
        if begin.elapsed() >= limits.whole {
            return Ok(End::Deadline);
        }
        ended = child.0.try_wait()?.map(|status| (status, Instant::now()));
        if ended.is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

enum Came {
    Bytes(usize),
    Nothing,
    End,
}

fn read(pipe: &mut dyn Read, buffer: &mut [u8]) -> io::Result<Came> {
    match pipe.read(buffer) {
        Ok(0) => Ok(Came::End),
        Ok(count) => Ok(Came::Bytes(count)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(Came::Nothing)
        }
        Err(error) => Err(error),
    }
}

/// Waits a tick until one of them can be used, or has ended.
fn wait(
    stdin: Option<std::os::fd::BorrowedFd<'_>>,
    stdout: Option<std::os::fd::BorrowedFd<'_>>,
    stderr: Option<std::os::fd::BorrowedFd<'_>>,
) -> io::Result<[bool; 3]> {
    let mut places = Vec::with_capacity(3);
    let mut polled = Vec::with_capacity(3);
    for (place, pipe, flags) in
        [(0, stdin, PollFlags::OUT), (1, stdout, PollFlags::IN), (2, stderr, PollFlags::IN)]
    {
        if let Some(pipe) = pipe {
            places.push(place);
            polled.push(PollFd::from_borrowed_fd(pipe, flags));
        }
    }
    let tick = Timespec { tv_sec: 0, tv_nsec: i64::from(TICK.subsec_nanos()) };
    let mut ready = [false; 3];
    match poll(&mut polled, Some(&tick)) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(ready),
        Err(error) => return Err(error.into()),
    }
    for (place, polled) in places.into_iter().zip(&polled) {
        ready[place] = !polled.revents().is_empty();
    }
    Ok(ready)
}

fn unblocked(pipe: impl AsFd) -> io::Result<()> {
    let flags = fcntl_getfl(&pipe)?;
    Ok(fcntl_setfl(&pipe, flags | OFlags::NONBLOCK)?)
}

/// A program that does not outlive us: not waited for, it is killed with its group.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            if let Ok(id) = i32::try_from(self.0.id())
                && let Some(id) = Pid::from_raw(id)
            {
                // Fails only where nothing is left of it.
                let _ = kill_process_group(id, Signal::KILL);
            }
            let _ = self.0.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Said(Vec<u8>, Vec<u8>);

    impl<'a> Talk<'a> for Said {
        fn stdout(&mut self, bytes: &[u8], input: &mut Input<'a>) -> io::Result<()> {
            self.0.extend(bytes);
            if self.0.ends_with(b"more?") {
                input.push(b"more");
                input.close();
            }
            Ok(())
        }
        fn stderr(&mut self, bytes: &[u8], _: &mut Input<'a>) -> io::Result<()> {
            self.1.extend(bytes);
            if bytes == b"stop" { Err(io::Error::other("no more")) } else { Ok(()) }
        }
    }

    const SECONDS: Duration = Duration::from_secs(20);

    fn run(script: &str, limits: Limits, input: Input<'_>) -> (End, Said) {
        let mut said = Said::default();
        let end =
            exchange(Command::new("sh").args(["-c", script]), limits, &mut said, input).unwrap();
        (end, said)
    }

    fn limits(whole: Duration, silence: Option<Duration>) -> Limits {
        Limits { whole, silence }
    }

    #[test]
    fn more_than_a_pipe_holds_goes_through_in_both_directions() {
        let much = vec![7; 3_000_000];
        let mut input = Input::default();
        input.push(&much);
        input.push(b"end");
        input.close();
        let (end, said) = run("cat; echo bad >&2; exit 3", limits(SECONDS, None), input);
        assert!(matches!(end, End::Exited(status) if status.code() == Some(3)));
        assert_eq!(said.0.len(), much.len() + 3);
        assert_eq!(said.1, b"bad\n");
    }

    #[test]
    fn what_is_heard_may_be_answered() {
        let (end, said) = run("printf more?; cat", limits(SECONDS, None), Input::default());
        assert!(matches!(end, End::Exited(status) if status.success()));
        assert_eq!(said.0, b"more?more");
    }

    #[test]
    fn who_does_not_read_is_no_failure_of_ours() {
        let much = vec![7; 3_000_000];
        let mut input = Input::default();
        input.push(&much);
        input.close();
        let (end, said) = run("exec <&-; echo no", limits(SECONDS, None), input);
        assert!(matches!(end, End::Exited(status) if status.success()));
        assert_eq!(said.0, b"no\n");
    }

    #[test]
    fn a_deadline_ends_it_with_all_that_it_started() {
        let begin = Instant::now();
        let short = Duration::from_millis(300);
        let script = "sleep 30 & echo $!; wait";
        let (end, said) = run(script, limits(short, None), Input::default());
        assert!(matches!(end, End::Deadline), "{end:?}");
        let (silent, _) = run(script, limits(SECONDS, Some(short)), Input::default());
        assert!(matches!(silent, End::Silent), "{silent:?}");
        assert!(begin.elapsed() < SECONDS);
        let child = String::from_utf8(said.0).unwrap();
        let state = format!("/proc/{}/stat", child.trim());
        let deadline = Instant::now() + SECONDS;
        // It is gone, or only waits to be noticed.
        while std::fs::read_to_string(&state).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(Instant::now() < deadline, "the child still runs");
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_is_left_behind_with_our_pipes_is_not_waited_for() {
        let begin = Instant::now();
        let (end, said) = run("sleep 8 & echo done", limits(SECONDS, None), Input::default());
        assert!(matches!(end, End::Exited(status) if status.success()));
        assert_eq!(said.0, b"done\n");
        assert!(begin.elapsed() < Duration::from_secs(7));
    }

    #[test]
    fn a_listener_may_end_it() {
        let (end, _) = run("printf stop >&2; sleep 30", limits(SECONDS, None), Input::default());
        assert!(matches!(end, End::Refused(_)), "{end:?}");
    }
}
