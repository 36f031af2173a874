%% Timers of a process.
-module(bench_timers).
-export([set/1, fire/1]).

-define(HOUR_MS, 3600000).
-define(FIRE_MS_MAX, 100).

set(Count) ->
    Start = bench:now_us(),
    Timers = [erlang:send_after(?HOUR_MS, self(), ring) || _ <- lists:seq(1, Count)],
    Count = cancel(Timers, 0),
    bench:rate(2 * Count, Start).

cancel([], Cancelled) ->
    Cancelled;
cancel([Timer | Timers], Cancelled) ->
    Left = erlang:cancel_timer(Timer),
    true = is_integer(Left),
    cancel(Timers, Cancelled + 1).

%% Processor time of each timer, in microseconds.
fire(Count) ->
    Before = cpu_us(),
    set_soon(0, Count),
    fired(Count),
    (cpu_us() - Before) / Count.

set_soon(Count, Count) ->
    ok;
set_soon(Timer, Count) ->
    erlang:send_after(1 + Timer rem ?FIRE_MS_MAX, self(), ring),
    set_soon(Timer + 1, Count).

fired(0) ->
    ok;
fired(Count) ->
    receive ring -> fired(Count - 1) end.

%% Of all threads, as the other subjects count it.
cpu_us() ->
    {ok, Threads} = file:list_dir("/proc/self/task"),
    lists:sum([cpu_ns(Thread) || Thread <- Threads]) / 1.0e3.

cpu_ns(Thread) ->
    {ok, Schedstat} = file:read_file(["/proc/self/task/", Thread, "/schedstat"]),
    [Taken | _] = binary:split(Schedstat, <<" ">>),
    binary_to_integer(Taken).
