# What any role may call, called with anything.  Each function that PUBLIC may
# execute, and for the owner of the tables each that there is, is called by a
# role without rights, by a researcher, by an author of automations and by an
# owner who is no superuser: with NULL for everything, then with each argument
# in turn at its extremes, and documents with each of their parts in turn taken
# away or changed.  Trigger functions are put on tables of the role's own, with
# no, few and many arguments.
#
# What may come of it: rows, or an error with a SQLSTATE of its own; never a
# crash, a session that ends, an internal error, or a statement that takes more
# than 20 seconds.  Every call is made in a session of its own and rolled back.
# WB_ROLES, a pattern that the name of a case matches, tries these alone.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Node;
use WbAutomations::Sample;

my $node = WbAutomations::Node->new('roles', setup => 0, conf => "wb_automations.worker = off\nfsync = off\nautovacuum = off\nlog_min_messages = warning");
$node->sql(q(
	CREATE ROLE keeper LOGIN; CREATE ROLE outsider LOGIN; CREATE ROLE researcher LOGIN; CREATE ROLE author LOGIN;
	CREATE EXTENSION wb_automations;
	GRANT CREATE, USAGE ON SCHEMA wb TO keeper; GRANT USAGE ON SCHEMA wb TO PUBLIC;
	GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA wb TO keeper;
	GRANT CREATE ON DATABASE postgres TO outsider, researcher, author, keeper;));
sub as_keeper
{
	return $node->safe_psql('postgres', "SET client_min_messages = error; $_[0]", extra_params => [ '-U', 'keeper' ]);
}
as_keeper(q(
	SELECT wb.setup();
	SELECT wb.create_team('t', 'o'), wb.create_project('t', 'p'), wb.create_registry('o', 'm'), wb.set_secret('t', 'S', 'https://127.0.0.1/');
	SELECT wb.start_run(1, name => 'r');
	SELECT wb.log(1, jsonb_build_object('loss', g)) FROM generate_series(1, 5) g;
	SELECT wb.log_artifact(1, 'model', 'model', aliases => '{best}', tags => '{good}');
	SELECT wb.link_artifact(1, 1, 'target');
	SELECT wb.create_webhook_integration('t', 'hook', 'http://127.0.0.1:9/', access_token => 'S'), wb.create_slack_integration('t', url_secret => 'S');
	SELECT wb.create_automation('metric', wb.on_run_metric(wb.project('t', 'p'), wb.avg('loss', '>', 5, 2), wb.where('config.lr', '=', 1)), wb.send_webhook(1, '{"a": ["${why}", {"b": "${run_name}"}]}'));
	SELECT wb.create_automation('zscore', wb.on_run_metric(wb.project('t', 'p'), wb.zscore('loss', 2)), wb.send_notification(2, 'title', 'message'));
	SELECT wb.create_automation('state', wb.on_run_state(wb.project('t', 'p'), '{failed}'), wb.do_nothing());
	SELECT wb.create_automation('link', wb.on_link_artifact(wb.registry('o', 'm')), wb.send_notify('x'));
	SELECT wb.finish_run(1, 1);
	GRANT SELECT ON ALL TABLES IN SCHEMA wb TO researcher, author;
	GRANT INSERT, UPDATE ON wb.run_metrics, wb.runs, wb.collections, wb.artifacts, wb.artifact_aliases, wb.artifact_tags, wb.collection_tags TO researcher;
	GRANT INSERT, UPDATE, DELETE ON wb.automations TO author;
	GRANT SELECT, INSERT, UPDATE ON wb.executions TO author; GRANT SELECT, INSERT, DELETE ON wb.deliveries TO author;
	GRANT USAGE ON ALL SEQUENCES IN SCHEMA wb TO researcher, author;));

# ---- values ----

my $json = JSON::PP->new->allow_nonref->canonical;
sub document { return $json->decode(as_keeper("SELECT $_[0]")); }
my $automation = document(q(to_jsonb(a) FROM wb.automations a WHERE name = 'metric'));
my $slack_automation = document(q(to_jsonb(a) FROM wb.automations a WHERE name = 'zscore'));
my $hook = document('to_jsonb(i) FROM wb.integrations i WHERE id = 1');
my $slack = document('to_jsonb(i) FROM wb.integrations i WHERE id = 2');
my $event = document('e.event FROM wb.executions e ORDER BY id LIMIT 1');
my $made = document(q(wb.automation_event((SELECT id FROM wb.automations WHERE name = 'metric'))));
my $exported = document(q(wb.export_automation((SELECT id FROM wb.automations WHERE name = 'metric'))));
my %by_name = (
	automation => [ $automation, $slack_automation ], integration => [ $hook, $slack ],
	event => [ $made, $event, document(q(wb.on_schedule(wb.project('t', 'p'), '1 day'))) ],
	document => [ $exported, document(q(wb.wire_event(wb.export_automation(1)))) ],
	scope => [ document(q(wb.project('t', 'p'))), document(q(wb.registry('o', 'm'))) ],
	metric => [ document(q(wb.zscore('loss', 3))), document(q(wb.avg('loss', '>', 1, 2))), document(q(wb.plateau('loss'))) ],
	event_filter => [ $automation->{event_filter}, $slack_automation->{event_filter} ],
	condition => [ document(q(wb.where('config.lr', '=', 1))), document(q(wb.any_of(wb.where('state', '=', 'failed'), wb.where('tags', '=', 'x')))) ],
	run_filter => [ document(q(wb.where('config.lr', '=', 1))) ], filter => [ document(q(wb.all_of(wb.where('alias', '=', 'x')))) ],
	action => [ document(q(wb.send_webhook(1, '{"a": 1}'))), document(q(wb.send_notification(2, 'x'))) ],
	changes => [ { name => 'x', event => $made, cooldown => '1 day', enabled => JSON::PP::true } ],
	schedule => [ document(q(wb.on_schedule(wb.project('t', 'p'), '1 day')->'event_filter'->'schedule_filter')) ],
	metrics => [ { loss => 1, deep => { er => [ 1, 'NaN' ] } } ]);
my %hints = (    # good values of arguments, by what their names end in
	event_type => [qw(RUN_METRIC RUN_STATE RUN_METRIC_ZSCORE RUN_METRIC_CHANGE LINK_MODEL)], scope_type => [qw(PROJECT ENTITY REGISTRY ARTIFACT_COLLECTION)],
	team => ['t'], entity => ['t'], project => ['p'], name => [qw(loss hook model)], path => [qw(t/p/r t/p/model:v0)], comparator => ['>'], direction => ['any'], agg => ['avg']);
my %extremes = (
	bigint => [ 1, 0, -1, '9223372036854775807', "'-9223372036854775808'" ], integer => [ 1, 2, 0, -1, 2147483647, "'-2147483648'" ], smallint => [ 1, 0, -1 ],
	text => [ "'x'", "''", "repeat('x', 1000000)", q('${S}%s%n$1'), q(E'\\\\\n\t\x01'), "U&'\\FFFF\\+01F600'" ],
	'double precision' => [ 1, 0, -1, "'NaN'", "'Infinity'", "'-Infinity'", '1e308', '5e-324' ], numeric => [ 1, 0, "'NaN'", '1e1000' ], boolean => [ 'true', 'false' ],
	interval => [ "'1 day'", "'0'", "'-1 day'", "'178000000 years'", "'-178000000 years'", "'1 us'" ],
	'timestamp with time zone' => [ 'now()', "'infinity'", "'-infinity'", "'4713-01-01 BC'", "'294276-12-31'" ],
	'time without time zone' => [ "'09:00'", "'24:00'" ], 'text[]' => [ "'{x}'", "'{}'", "'{NULL}'", "'{{a,b},{c,d}}'", "'[5:6]={a,b}'", "array_fill('x'::text, '{1000}')" ],
	'bigint[]' => [ "'{1}'", "'{}'", "'{NULL}'", "'{{1},{2}}'", "'[-3:-2]={1,2}'" ],
	'jsonb[]' => [ q(ARRAY['{"a": 1}'::jsonb]), "'{}'", "'{NULL}'", q(ARRAY[ARRAY['1'::jsonb]]) ],
	bytea => [ "'\\x00'", "''", "decode(repeat('00', 100000), 'hex')" ], uuid => ["'00000000-0000-0000-0000-000000000000'"], oid => [ 0, 1, 4294967295 ]);
my @odd = (undef, JSON::PP::true, 0, -1.5, 1e300, '', 'x', '${S}', 'NaN', 'y' x 10000, [], [undef], [ [ [] ] ], {}, { a => 1 }, { '$and' => [] }, { '' => undef });

# A copy of a document for each place in it and each odd value, and one for each
# place taken away.
sub mutants
{
	my ($document) = @_;
	my @made;
	my $walk;
	$walk = sub {
		my ($part, $put) = @_;
		push @made, map { $put->($_) } @odd;
		if (ref $part eq 'HASH')
		{
			for my $key (sort keys %$part)
			{
				my %rest = %$part;
				delete $rest{$key};
				push @made, $put->(\%rest);
				$walk->($part->{$key}, sub { $put->({ %$part, $key => $_[0] }) });
			}
		}
		elsif (ref $part eq 'ARRAY')
		{
			for my $index (0 .. $#$part)
			{
				my @rest = @$part;
				splice @rest, $index, 1;
				push @made, $put->(\@rest);
				$walk->($part->[$index], sub { my @copy = @$part; $copy[$index] = $_[0]; $put->(\@copy) });
			}
		}
		# Documents hold documents as text.
		elsif (defined $part && !ref $part && $part =~ /^[\[{]/ && eval { $json->decode($part) })
		{
			$walk->($json->decode($part), sub { $put->($json->encode($_[0])) });
		}
	};
	$walk->($document, sub { $json->encode($_[0]) });
	my %seen;
	return grep { !$seen{$_}++ } @made;
}

sub quote
{
	my ($text) = @_;
	$text =~ s/'/''/g;
	return "'$text'";
}

# Good values for an argument first, then odd ones.
sub values_of
{
	my ($name, $type) = @_;
	if ($type eq 'jsonb')
	{
		my $known = $by_name{$name} // $by_name{event};
		my $deep = q((repeat('[', 6000) || repeat(']', 6000))::jsonb);
		return ([ map { quote($json->encode($_)) } @$known ], [ $deep, map { quote($_) } map { mutants($_) } @$known ]);
	}
	my @values = @{ $extremes{$type} // ['NULL'] };
	my @good = $values[0];
	@good = map { quote($_) } @{ $hints{$name} } if $type eq 'text' && $hints{$name};
	return (\@good, [ @good[ 1 .. $#good ], @values ]);
}

# ---- cases ----

my @cases;
my @functions = map { [ split /\|/, $_, -1 ] } split /\n/, $node->sql(q(
	SELECT p.oid, p.proname, p.prokind, p.prorettype::regtype, has_function_privilege('outsider', p.oid, 'EXECUTE'),
		coalesce((SELECT string_agg(coalesce(p.proargnames[o], '') || '=' || format_type(t, NULL), ';' ORDER BY o) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u(t, o)), '')
	FROM pg_proc p WHERE p.pronamespace = 'wb'::regnamespace ORDER BY p.proname, p.oid));
for (@functions)
{
	my ($oid, $name, $kind, $result, $is_public, $arguments) = @$_;
	my @roles = $is_public eq 't' ? qw(outsider researcher author keeper) : ('keeper');
	my @arguments = map { [ split /=/, $_, 2 ] } split /;/, $arguments;
	next if grep { $_->[1] eq 'internal' } @arguments;
	next if $name =~ /^(?:setup|create_tables|create_views|attach_triggers|start_worker)$/;

	if ($result eq 'trigger')
	{
		my @tables = ('a int', 'id bigint, run_id bigint, name text, step bigint, value float8, state text, collection_id bigint, artifact_id bigint, alias text, tag text',
			'id text, run_id text, name bigint, state int, event_type jsonb, event_filter text, alias int, tag int', '');
		for my $table (@tables)
		{
			for my $with ('', "'x'", "'PROJECT'", "''", join ', ', ("'y'") x 100)
			{
				for my $when ('BEFORE INSERT OR UPDATE OR DELETE', 'AFTER INSERT OR UPDATE OR DELETE')
				{
					for my $each (qw(ROW STATEMENT))
					{
						# In one message to the server: its first error is the one that counts.
						my $sql = join ' \\; ', "CREATE TEMP TABLE own ($table)", "CREATE TRIGGER t $when ON own FOR EACH $each EXECUTE FUNCTION wb.$name($with)",
						  'INSERT INTO own DEFAULT VALUES', ($table ? 'UPDATE own SET ' . ($table =~ /^(\w+)/)[0] . ' = NULL' : ()), 'DELETE FROM own';
						push @cases, map { { name => "trigger $name", role => $_, sql => $sql } } qw(keeper outsider);
					}
				}
			}
		}
		next;
	}

	my $call = sub {
		my @given = @_;
		my $list = join ', ', map { "$given[$_]" . ($given[$_] eq 'NULL' || $given[$_] =~ /^'|^-?[\d.e]+$/ ? "::$arguments[$_][1]" : '') } 0 .. $#given;
		return $kind eq 'p' ? "CALL wb.$name($list)" : $kind eq 'a' ? "SELECT wb.$name($list) FROM generate_series(1, 3)" : "SELECT * FROM wb.$name($list)";
	};
	my @values = map { [ values_of(@$_) ] } @arguments;
	my @good = map { $_->[0][0] } @values;
	my @calls = ($call->(('NULL') x @arguments), $call->(@good));
	for my $index (0 .. $#arguments)
	{
		for my $value ('NULL', @{ $values[$index][1] })
		{
			my @given = @good;
			$given[$index] = $value;
			push @calls, $call->(@given);
		}
	}
	my %seen;
	for my $sql (grep { !$seen{$_}++ } @calls)
	{
		# Mutated documents are many, so the roles take turns.
		my @these = $sql =~ /::jsonb/ && keys %seen > 10 ? $roles[ keys(%seen) % @roles ] : @roles;
		push @cases, map { { name => $name, role => $_, sql => $sql } } @these;
	}
}

@cases = grep { "$_->{name} $_->{role}" =~ /$ENV{WB_ROLES}/ } @cases if $ENV{WB_ROLES};
@cases = sample(1000, @cases);
my ($failed, $log_end) = (0, 0);
for my $role (qw(outsider researcher author keeper))
{
	my @of_role = grep { $_->{role} eq $role } @cases;
	my @results = in_fresh_sessions($node, 'postgres', [ map { $_->{sql} } @of_role ], user => $role);
	my %seen;
	for my $index (0 .. $#of_role)
	{
		my $result = $results[$index] // 'the session ended';
		next if $result !~ /^(?:the|XX|57|58|53)/ && $result !~ /not assigned yet|cache lookup/;
		$failed++;
		next if $seen{"$of_role[$index]{name} $result"}++;
		fail("$role: $of_role[$index]{name}");
		diag substr($result, 0, 300), "\n", substr($of_role[$index]{sql}, 0, 1000);
	}
}
is($failed, 0, @cases . ' calls did no harm');
my @crashes = (crashes($node))[ 1 .. 20 ];
is(join("\n", grep { defined } @crashes), '', 'nothing crashed');
is($node->sql(q(SELECT count(*) FROM pg_roles WHERE rolsuper AND rolname IN ('keeper', 'outsider', 'researcher', 'author'))), '0', 'nobody became a superuser');

done_testing();
