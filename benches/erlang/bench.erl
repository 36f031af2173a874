%% The work of each workload, as plain processes do it.
%% The process is a bare receive loop that answers gen_server:call, which is the fastest there is.
-module(bench).
-export([run/2, serve/0, loop/1, now_us/0, rate/2, remote_counter/0, get_sum/1]).

-define(SERVER, 'server@localhost').
-define(SENDERS, 4).
-define(CALLERS, 64).

%% Does the work and prints the figure. A failed check is a failed match, which ends the node.
run(latency_under_bulk, Count) ->
    bench_bulk:latency(Count),
    halt(0);
run(Bench, Count) ->
    Figure = measure(Bench, Count),
    io:format("~w~n", [Figure]),
    %% Whoever reads the costs of this node closes its input when that is done.
    is_metered(Bench) andalso (eof = io:get_line("")),
    halt(0).

is_metered(Bench) ->
    Metered = [
        remote_cast_64, remote_cast_4k, remote_cast_1m, remote_call, remote_call_64,
        remote_spawn, remote_spawn_64
    ],
    lists:member(Bench, Metered).

%% Says that the work begins, and waits until the costs so far have been read.
ready() ->
    io:format("ready~n"),
    "go\n" = io:get_line("").

%% The other node: lives until its standard input is closed.
serve() ->
    io:format("ready~n"),
    eof = io:get_line(""),
    halt(0).

loop(Sum) ->
    receive
        {add, K} ->
            loop(Sum + K);
        {put, <<First, _/binary>> = Payload} ->
            loop(Sum + byte_size(Payload) + First);
        {'$gen_call', From, get} ->
            gen_server:reply(From, Sum),
            loop(Sum);
        stop ->
            ok
    end.

measure(local_cast, Count) ->
    Pid = counter(),
    Start = now_us(),
    repeat(Count, fun() -> Pid ! {add, 1} end),
    Count = get_sum(Pid),
    rate(Count, Start);
measure(local_cast_fanin, Count) ->
    Pid = counter(),
    Start = now_us(),
    Send = fun() -> repeat(Count div ?SENDERS, fun() -> Pid ! {add, 1} end) end,
    Senders = [spawn_monitor(Send) || _ <- lists:seq(1, ?SENDERS)],
    [receive {'DOWN', Ref, process, Sender, normal} -> ok end || {Sender, Ref} <- Senders],
    Count = get_sum(Pid),
    rate(Count, Start);
measure(local_call, Count) ->
    Pid = counter(),
    Pid ! {add, 1},
    Start = now_us(),
    Count = total(Count, fun() -> get_sum(Pid) end),
    rate(Count, Start);
measure(spawn, Count) ->
    Start = now_us(),
    Count = total(Count, fun() -> come_and_go(node()) end),
    rate(Count, Start);
measure(spawn_bytes, Count) ->
    Before = resident_bytes(),
    Pids = [answered(counter()) || _ <- lists:seq(1, Count)],
    Count = length(Pids),
    (resident_bytes() - Before) / Count;
measure(remote_cast_64, Count) ->
    remote_cast(64, Count);
measure(remote_cast_4k, Count) ->
    4096 * remote_cast(4096, Count);
measure(remote_cast_1m, Count) ->
    1048576 * remote_cast(1048576, Count);
measure(remote_call_64, Count) ->
    Pid = remote_counter(),
    Pid ! {add, 1},
    Each = Count div ?CALLERS,
    ready(),
    Start = now_us(),
    by_all(fun() -> Each = total(Each, fun() -> get_sum(Pid) end) end),
    rate(Count, Start);
measure(remote_call, Count) ->
    Pid = remote_counter(),
    Pid ! {add, 1},
    ready(),
    Start = now_us(),
    Count = total(Count, fun() -> get_sum(Pid) end),
    rate(Count, Start);
measure(remote_spawn, Count) ->
    true = net_kernel:connect_node(?SERVER),
    ready(),
    Start = now_us(),
    Count = total(Count, fun() -> come_and_go(?SERVER) end),
    rate(Count, Start);
measure(remote_spawn_64, Count) ->
    true = net_kernel:connect_node(?SERVER),
    Each = Count div ?CALLERS,
    ready(),
    Start = now_us(),
    by_all(fun() -> Each = total(Each, fun() -> come_and_go(?SERVER) end) end),
    rate(Count, Start);
measure(monitor_storm, Count) ->
    true = net_kernel:connect_node(?SERVER),
    bench_monitors:storm(?SERVER, Count);
measure(timers_set, Count) ->
    bench_timers:set(Count);
measure(timers_fire, Count) ->
    bench_timers:fire(Count);
measure(supervisor_restart, Count) ->
    bench_supervision:restart(Count);
measure(supervisor_children, Count) ->
    bench_supervision:children(Count).

remote_cast(Bytes, Count) ->
    Pid = remote_counter(),
    Payload = binary:copy(<<1>>, Bytes),
    ready(),
    Start = now_us(),
    repeat(Count, fun() -> Pid ! {put, Payload} end),
    Sum = Count * (Bytes + 1),
    Sum = get_sum(Pid),
    rate(Count, Start).

%% Runs it in all callers at once, until each has ended well.
by_all(Do) ->
    Callers = [spawn_monitor(Do) || _ <- lists:seq(1, ?CALLERS)],
    [receive {'DOWN', Ref, process, Caller, normal} -> ok end || {Caller, Ref} <- Callers].

counter() ->
    spawn(?MODULE, loop, [0]).

remote_counter() ->
    true = net_kernel:connect_node(?SERVER),
    spawn(?SERVER, ?MODULE, loop, [0]).

get_sum(Pid) ->
    gen_server:call(Pid, get, infinity).

answered(Pid) ->
    0 = get_sum(Pid),
    Pid.

%% A process starts, answers once and stops. Counts as one.
come_and_go(Node) ->
    Pid = answered(spawn(Node, ?MODULE, loop, [0])),
    Pid ! stop,
    1.

repeat(0, _) ->
    ok;
repeat(N, Do) ->
    Do(),
    repeat(N - 1, Do).

total(Count, Do) ->
    total(Count, Do, 0).

total(0, _, Sum) ->
    Sum;
total(N, Do, Sum) ->
    total(N - 1, Do, Sum + Do()).

now_us() ->
    erlang:monotonic_time(microsecond).

rate(Count, Start) ->
    Count * 1.0e6 / (now_us() - Start).

resident_bytes() ->
    {ok, Statm} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = binary:split(Statm, <<" ">>, [global]),
    binary_to_integer(Pages) * 4096.
