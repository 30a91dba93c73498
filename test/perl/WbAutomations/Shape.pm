# What t/101_generated_shape.pl changes, and how it judges what came of it.
#
#	my @changes = changes($node);	each { name, table, sql => [...] }
#	my @problems = judge($change, $got, $plain, \@writes);
#
# The changes are read from the catalog of a database that wb.setup() made, so
# a table, column, index or trigger that is added is changed as well.

package WbAutomations::Shape;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Utils ();
use WbAutomations::Sample;

our @EXPORT = qw(changes judge answers ask);

# Types that a column may be given, by the one it has, and what its values
# become where there is no cast.
my %other_types = (
	bigint => [ 'text', 'numeric', 'integer' ], integer => [ 'text', 'bigint', 'smallint' ], smallint => [ 'text', 'bigint' ],
	text => [ 'bigint USING 1', 'name', 'bytea USING NULL', 'json USING NULL' ], jsonb => [ 'json', 'text', 'bigint USING 1' ],
	'double precision' => [ 'real', 'numeric', 'text' ], 'timestamp with time zone' => [ 'timestamp', 'text', 'bigint USING 1' ],
	boolean => [ 'text', 'integer' ], interval => [ 'text', 'bigint USING 1' ], uuid => [ 'text', 'bigint USING 1' ],
	'text[]' => [ 'text', 'bigint USING 1' ], oid => [ 'bigint', 'text' ], bytea => [ 'text' ], 'bigint[]' => [ 'text', 'integer[]' ]);

# Values of one column, or two, by a query.
sub rows
{
	my ($node, $query) = @_;
	return map { [ split /\t/ ] } split /\n/, $node->safe_psql('model', $query, extra_params => [ '-F', "\t" ]);
}

sub changes
{
	my ($node) = @_;
	my $ours = q(n.nspname = 'wb' AND c.relkind = 'r');
	my $views = 'DROP VIEW IF EXISTS wb.automation_history, wb.automation_list, wb.stat_automations, wb.stat_integrations CASCADE';
	my @changes;

	$node->safe_psql('postgres', 'CREATE DATABASE model');
	$node->safe_psql('model', 'CREATE EXTENSION wb_automations; SELECT wb.setup()');
	my $add = sub {
		my ($table, $name, @sql) = @_;
		push @changes, { name => "$table: $name", table => $table, sql => \@sql };
	};

	for (rows($node, qq(SELECT c.relname, a.attname, format_type(a.atttypid, -1), a.attnotnull, a.attidentity <> ''
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE $ours AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, a.attnum)))
	{
		my ($table, $column, $type, $is_not_null, $is_identity) = @$_;
		my $alter = "ALTER TABLE wb.$table";
		for my $other (@{ $other_types{$type} // ['text'] })
		{
			my ($bare) = split / USING/, $other;
			my $using = $other =~ /USING/ ? $other : "$other USING $column\::text::$other";
			$add->($table, "$column becomes $bare", $views,
				$is_identity eq 't' ? "$alter ALTER $column DROP IDENTITY" : "$alter ALTER $column DROP DEFAULT", "$alter ALTER $column TYPE $using");
		}
		$add->($table, "$column is NULL", $is_not_null eq 't' ? "$alter ALTER $column DROP NOT NULL" : (), "UPDATE wb.$table SET $column = NULL",
			$is_identity eq 't' ? () : "$alter ALTER $column SET DEFAULT NULL");
		$add->($table, "$column is dropped", "$alter DROP $column CASCADE");
		$add->($table, "$column is renamed", "$alter RENAME $column TO ${column}_renamed");
	}

	for (rows($node, qq(SELECT c.relname, x.relname, coalesce(k.conname, ''), pg_get_indexdef(i.indexrelid),
		pg_get_indexdef(i.indexrelid, 1, true), format_type(a.atttypid, -1)
		FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_attribute a ON a.attrelid = i.indexrelid AND a.attnum = 1
		LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u') WHERE $ours ORDER BY 1, 2)))
	{
		my ($table, $index, $constraint, $definition, $first, $type) = @$_;
		my $drop = $constraint ? "ALTER TABLE wb.$table DROP CONSTRAINT $constraint CASCADE" : "DROP INDEX wb.$index";
		my ($start, $columns, $where) = $definition =~ /^(.*) USING btree \((.*?)\)( WHERE .*)?$/ or next;
		my $class = $type eq 'text' ? 'text_pattern_ops' : undef;
		my %replaced = (
			descending => "$start USING btree (" . join(', ', map { "$_ DESC" } split /, /, $columns) . ')' . ($where // ''),
			brin => "CREATE INDEX $index ON wb.$table USING brin ($columns)" . ($where // ''),
			hash => "CREATE INDEX $index ON wb.$table USING hash ($first)",
			partial => "$start USING btree ($columns) WHERE $first IS NULL",
			reversed => "$start USING btree (" . join(', ', reverse split /, /, $columns) . ')' . ($where // ''));
		$replaced{opclass} = "$start USING btree (" . join(', ', map { $_ eq $first ? "$_ $class" : $_ } split /, /, $columns) . ')' . ($where // '') if $class;
		$add->($table, "index $index is dropped", $drop);
		$add->($table, "index $index is $_", $drop, $replaced{$_}) for sort keys %replaced;
	}

	for (rows($node, qq(SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE $ours AND NOT t.tgisinternal ORDER BY 1, 2)))
	{
		my ($table, $trigger) = @$_;
		$add->($table, "trigger $trigger is disabled", "ALTER TABLE wb.$table DISABLE TRIGGER $trigger");
		$add->($table, "trigger $trigger is for replicas", "ALTER TABLE wb.$table ENABLE REPLICA TRIGGER $trigger");
		$add->($table, "trigger $trigger is dropped", "DROP TRIGGER $trigger ON wb.$table");
	}

	for (rows($node, qq(SELECT c.relname, a.attname, coalesce((SELECT string_agg(b.attname, ', ') FROM pg_attribute b WHERE b.attrelid = c.oid AND b.attidentity <> ''), '')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] WHERE $ours ORDER BY 1)))
	{
		my ($table, $key, $identity) = @$_;
		my $function = 'CREATE FUNCTION wb.refuse() RETURNS trigger LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION \'refused\'; END$f$';
		my $swallow = 'CREATE FUNCTION wb.swallow() RETURNS trigger LANGUAGE plpgsql AS $f$BEGIN RETURN NULL; END$f$';
		$add->($table, 'has another column', "ALTER TABLE wb.$table ADD extra text NOT NULL DEFAULT 'x'");
		$add->($table, 'has another column, of the moment', "ALTER TABLE wb.$table ADD extra uuid DEFAULT gen_random_uuid()");
		$add->($table, 'has a generated column', "ALTER TABLE wb.$table ADD extra text GENERATED ALWAYS AS ('x') STORED");
		$add->($table, 'has a parent', "CREATE TABLE wb.parent (LIKE wb.$table)", "ALTER TABLE wb.$table INHERIT wb.parent");
		$add->($table, 'has a child', "CREATE TABLE wb.child () INHERITS (wb.$table)");
		$add->($table, 'refuses inserts', $function, "CREATE TRIGGER refuse BEFORE INSERT ON wb.$table FOR EACH ROW EXECUTE FUNCTION wb.refuse()");
		$add->($table, 'refuses updates', $function, "CREATE TRIGGER refuse BEFORE UPDATE ON wb.$table FOR EACH ROW EXECUTE FUNCTION wb.refuse()");
		$add->($table, 'refuses deletes', $function, "CREATE TRIGGER refuse BEFORE DELETE ON wb.$table FOR EACH ROW EXECUTE FUNCTION wb.refuse()");
		$add->($table, 'swallows inserts', $swallow, "CREATE TRIGGER swallow BEFORE INSERT ON wb.$table FOR EACH ROW EXECUTE FUNCTION wb.swallow()");
		$add->($table, 'refuses at the end', $function, "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON wb.$table DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wb.refuse()");
		$add->($table, 'forces row level security', "ALTER TABLE wb.$table ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY");
		$add->($table, 'is unlogged', "ALTER TABLE wb.$table SET UNLOGGED");
		$add->($table, 'is a view', "ALTER TABLE wb.$table RENAME TO was", "CREATE VIEW wb.$table AS SELECT * FROM wb.was");
		$add->($table, 'is renamed', "ALTER TABLE wb.$table RENAME TO was");
		$add->($table, 'is dropped', "DROP TABLE wb.$table CASCADE");
		$add->($table, 'is partitioned', "ALTER TABLE wb.$table RENAME TO was",
			(map { "ALTER TABLE wb.was ALTER $_ DROP IDENTITY" } grep { $_ } $identity),
			"CREATE TABLE wb.$table (LIKE wb.was INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY HASH ($key)",
			(map { "ALTER TABLE wb.$table ALTER $_ SET DEFAULT (random() * 1e9)::bigint" } grep { $_ } $identity),
			"CREATE TABLE wb.part0 PARTITION OF wb.$table FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
			"CREATE TABLE wb.part1 PARTITION OF wb.$table FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
			"INSERT INTO wb.$table SELECT * FROM wb.was", 'DROP TABLE wb.was CASCADE',
			(map { "CREATE INDEX ON wb.$table ($_->[0])" } rows($node,
				"SELECT substring(pg_get_indexdef(indexrelid) FROM 'btree \\((.*?)\\)') FROM pg_index WHERE indrelid = 'wb.$table'::regclass")),
			'SELECT wb.setup()');
	}
	return @changes;
}

# Run statements in one session; for each, [ label, SQLSTATE, message ].  A
# session that is gone has the state "gone".
sub answers
{
	my ($node, $database, $steps) = @_;
	my $script = "\\set ON_ERROR_STOP off\nSET statement_timeout = '15s';\nSET client_min_messages = error;\n";

	for (my $index = 0; $index < @$steps; $index += 2)
	{
		my $number = $index / 2;
		$script .= "\\unset text\n$steps->[$index + 1];\n\\set state :SQLSTATE\n\\set text :LAST_ERROR_MESSAGE\n\\echo\n\\echo @@ $number :state :text\n";
	}
	my ($output, $errors, $is_done) = run_psql($node, $node->connstr($database) . ' user=keeper', $script);
	my %seen;
	while ($output =~ /^\@\@ (\d+) (\w{5}) ?(.*)$/mg) { $seen{$1} = [ $2, $2 eq '00000' ? '' : $3 ]; }
	return [ map { [ $steps->[ 2 * $_ ], @{ $seen{$_} // [ 'gone', $is_done ? $errors : 'timed out' ] } ] } 0 .. $#$steps / 2 ];
}

# The output of a query, or '?' and its error.
sub ask
{
	my ($node, $database, $query, $user) = @_;
	my ($output, $errors) = ('', '');

	eval {
		IPC::Run::run([ $node->installed_command('psql'), '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d',
				$node->connstr($database) . ($user ? " user=$user" : ''), '-c', 'SET statement_timeout = \'10s\'', '-c', $query ],
			'>', \$output, '2>', \$errors, IPC::Run::timeout(60)) or $output = "? $errors";
		1;
	} or $output = '? timed out';
	chomp $output;
	return $output;
}

# Each line says one thing that should not be.
sub judge
{
	my ($change, $got, $plain, $writes) = @_;
	my @problems = @{ $got->{problems} // [] };
	my (%sent, %expected, %is_written, %is_lost);

	# What differs from one database to the next is when a run was heard of last.
	s/since [-+:. \d]*\d/since then/, $sent{$_}++ for split /\n/, $got->{sent};
	s/since [-+:. \d]*\d/since then/, $expected{$_}++ for split /\n/, $plain->{sent};
	my %statement = @$writes;
	for (@{ $got->{steps} }, @{ $got->{questions} })
	{
		my ($label, $state, $message) = @$_;
		push @problems, "hang: $label: $message" if $state eq '57014';
		push @problems, "session lost: $label" if $state eq 'gone' && !grep { /^(?:crash|session lost):/ } @problems;
		push @problems, "internal error: $label: $state $message" if $state =~ /^(?:XX|58|53)/ || $message =~ /cache lookup|not assigned yet|could not open relation/;
	}
	for (@{ $got->{steps} })
	{
		my ($label, $state, $message) = @$_;
		next if !$statement{$label};
		$is_written{$label} = $state eq '00000';
		my $is_metric = $statement{$label}[1] =~ /INSERT INTO wb\.run_metrics/;
		push @problems, "a write fails because of another table: $label: $state $message"
		  if $state ne '00000' && $is_metric && $change->{table} !~ /^(?:run_metrics|runs)$/;
	}
	my $is_said = $got->{complaints} ne '' && $got->{complaints} !~ /^\?/;
	my $is_error = $got->{complaints} =~ /^\?/;
	for my $body (sort keys %expected)
	{
		my ($name) = $body =~ /"name": *"(\w+)"/;
		my $count = delete $sent{$body} // 0;
		push @problems, "sent $count times and not $expected{$body}: $body" if $count > $expected{$body};
		# A row that a trigger of the user's swallows is not written.
		next if $change->{name} =~ /swallows/ && $statement{$name}[1] =~ /wb\.$change->{table}\b/;
		$is_lost{$name} = 1 if $count == 0 && $is_written{$name} && !$is_said;
	}
	push @problems, join ' ', 'lost without a word', ($is_error ? '(and wb.status() fails)' : ()), sort keys %is_lost if %is_lost;
	push @problems, map { "wrong message: $_" } sort keys %sent;
	push @problems, "the worker died $got->{deaths} times: " . ($got->{worker_errors} // '') if $got->{deaths} > 1;
	push @problems, "wb.status() fails: $got->{complaints}" if $is_error && $change->{name} !~ /dropped|renamed|view/;
	return @problems;
}

1;
