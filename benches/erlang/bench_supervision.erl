%% OTP's supervisor, and a gen_server as its child.
-module(bench_supervision).
-behaviour(supervisor).
-export([restart/1, children/1]).
-export([init/1]).

-define(RESTARTS_EACH, 100).
-define(RESTARTS_SECONDS, 1).

restart(Count) ->
    quiet(),
    Taken = [restart_often() || _ <- lists:seq(1, Count div ?RESTARTS_EACH)],
    Count * 1.0e6 / lists:sum(Taken).

restart_often() ->
    Spec = #{id => mortal, start => {bench_child, start_link, [self()]}},
    Flags = #{strategy => one_for_one, intensity => ?RESTARTS_EACH, period => ?RESTARTS_SECONDS},
    {ok, Supervisor} = supervisor:start_link(?MODULE, {Flags, [Spec]}),
    Pid = receive {born, First} -> First end,
    Start = bench:now_us(),
    ?RESTARTS_EACH = restarts(?RESTARTS_EACH, Pid, 0),
    Taken = bench:now_us() - Start,
    stop(Supervisor),
    Taken.

restarts(0, _, Sum) ->
    Sum;
restarts(Left, Pid, Sum) ->
    exit(Pid, kill),
    Next = receive {born, Born} -> Born end,
    restarts(Left - 1, Next, Sum + gen_server:call(Next, get, infinity)).

children(Count) ->
    quiet(),
    Spec = #{id => child, start => {bench_child, start_link, []}},
    {ok, Supervisor} = supervisor:start_link(?MODULE, {#{strategy => simple_one_for_one}, [Spec]}),
    Start = bench:now_us(),
    Pids = [begin {ok, Pid} = supervisor:start_child(Supervisor, []), Pid end
            || _ <- lists:seq(1, Count)],
    stop(Supervisor),
    Rate = bench:rate(2 * Count, Start),
    Count = length(Pids),
    false = lists:any(fun is_process_alive/1, Pids),
    Rate.

stop(Supervisor) ->
    unlink(Supervisor),
    Ref = monitor(process, Supervisor),
    exit(Supervisor, shutdown),
    receive {'DOWN', Ref, process, Supervisor, shutdown} -> ok end.

%% A supervisor reports each end of a child, which costs more than the restart.
quiet() ->
    ok = logger:set_primary_config(level, none).

init(Given) ->
    {ok, Given}.
