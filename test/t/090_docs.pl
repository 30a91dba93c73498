# Every example in the documents does what the document says.
#
# Blocks fenced ```sql run in order, those of one document in one psql session
# on a new database.  A document that does not create the extension itself
# finds it set up.
#
#	```sql			must succeed; a ```text block directly below is its output
#	```sql error	must fail, with the ```text block below; CONTEXT is left out
#	```http			is the newest request that arrived, as far as it is shown
#	<!-- settled --> waits until no execution is pending
#
# Everything else is not run.  Each host that a block names is a receiver of
# ours on loopback, so nothing leaves the machine.  Before texts are compared,
# blanks are squeezed, and what differs from run to run becomes <a word>.

use strict;
use warnings;

use FindBin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $top = "$FindBin::Bin/../..";
my $node = WbAutomations::Node->new('docs', conf => 'max_worker_processes = 20');
my %endpoints;
my $marker = '-- end of block --';

my @documents = grep { -e "$top/$_" }
  ('README.md', map { "docs/$_" } map { s{.*/}{}r } sort glob "$top/docs/*.md");

check_examples($_) for @documents;
check_links($_) for @documents;
check_reference();
check_tree();
done_testing();

# ---- examples ----

# The parts of a document that matter here, each a hash of kind ('sql',
# 'error', 'text', 'http', 'settled'), line, text, and follows: the part
# before it, if only empty lines lie between.
sub read_parts
{
	my ($file) = @_;
	my (@parts, $part, $last);

	open my $in, '<:encoding(UTF-8)', "$top/$file" or die "$file: $!";
	while (my $line = <$in>)
	{
		if ($part && $line =~ /^```\s*$/)
		{
			$last = $part;
			push @parts, $part;
			undef $part;
		}
		elsif ($part)
		{
			$part->{text} .= $line;
		}
		elsif ($line =~ /^```(.*?)\s*$/)
		{
			my $kind = $1 eq 'sql error' ? 'error' : $1;
			$part = { kind => $kind, line => $., text => '', follows => $last };
		}
		elsif ($line =~ /^<!-- settled -->/)
		{
			push @parts, { kind => 'settled', line => $. };
		}
		elsif ($line =~ /\S/)
		{
			undef $last;
		}
	}
	die "$file: a block does not end" if $part;
	return @parts;
}

sub check_examples
{
	my ($file) = @_;
	my @parts = read_parts($file);

	return if !grep { $_->{kind} =~ /^(?:sql|error)$/ } @parts;
	my $session = start_session($file, grep { /CREATE EXTENSION wb_automations/ }
		  map { $_->{text} // '' } grep { $_->{kind} eq 'sql' } @parts);

	# What a block should print is the block below it.
	for (grep { $_->{kind} =~ /^(?:text|http)$/ } @parts)
	{
		$_->{follows}{output} = $_->{text}
		  if $_->{kind} eq 'text' && $_->{follows};
	}
	for my $part (@parts)
	{
		my $where = "$file line $part->{line}";
		wait_until_settled($session, $where) if $part->{kind} eq 'settled';
		check_request($part, $where) if $part->{kind} eq 'http';
		check_block($session, $part, $where) if $part->{kind} =~ /^(?:sql|error)$/;
	}
	close_session($session);
	return;
}

sub start_session
{
	my ($file, $creates_extension) = @_;
	my $database = lc($file =~ s/\W+/_/gr);
	my $session = { database => $database, in => '', out => '' };

	$node->sql("CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION wb_automations; SELECT wb.setup();')
	  if !$creates_extension;

	# One pipe for both outputs: notices stand where a reader sees them.
	$session->{timer} = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default);
	$session->{psql} = IPC::Run::start(
		[ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database) ],
		'<', \$session->{in}, '>&', \$session->{out}, $session->{timer});
	return $session;
}

sub close_session
{
	my ($session) = @_;

	$session->{in} .= "\\q\n";
	eval { $session->{psql}->finish; 1 } or diag("psql: $@");
	return;
}

# Run SQL and return what it printed, and whether the session lives.
sub run_sql
{
	my ($session, $sql) = @_;
	my $psql = $session->{psql};

	$session->{timer}->start;
	$session->{in} .= "$sql\n\\warn $marker\n";
	my $lives = eval {
		$psql->pump while $session->{out} !~ /^\Q$marker\E\n/m && $psql->pumpable;
		1;
	};
	return $1 if $lives && $session->{out} =~ s/\A(.*?)^\Q$marker\E\n//ms;
	$session->{is_dead} = 1;
	return $session->{out} . ($lives ? '' : $@);
}

sub check_block
{
	my ($session, $part, $where) = @_;
	my $is_error = $part->{kind} eq 'error';
	my $sql = $is_error ? $part->{text} : redirect($part->{text});

	return fail("$where runs") if $session->{is_dead};
	$sql = "\\set ON_ERROR_STOP off\n$sql\n\\set ON_ERROR_STOP on" if $is_error;
	my $output = run_sql($session, $sql);
	if ($session->{is_dead})
	{
		fail("$where runs");
		return diag($output);
	}
	if ($is_error)
	{
		return fail("$where fails and says how")
		  if $output !~ /^ERROR:/m || !defined $part->{output};
		$output =~ s/^CONTEXT:.*//ms;
	}
	return pass("$where runs") if !defined $part->{output};
	return is(mask($output), mask($part->{output}), "$where prints what it says");
}

sub wait_until_settled
{
	my ($session, $where) = @_;

	$node->poll_query_until($session->{database},
		q(SELECT NOT EXISTS (SELECT FROM wb.executions WHERE state = 'PENDING')))
	  or fail("$where: all executions are settled");
	return;
}

# The lines shown are those of the newest request of any receiver; "..." stands
# for whatever is left out.
sub check_request
{
	my ($part, $where) = @_;
	my ($newest) = sort { $b->{at} <=> $a->{at} } map { $_->requests } values %endpoints;
	my ($head, $body) = split /\n\n/, $part->{text}, 2;
	my @lines = split /\n/, $head;
	my @expected = (shift @lines);

	return fail("$where: no request arrived") if !$newest;
	my @got = "$newest->{method} $newest->{path} HTTP/1.1";
	for (@lines)
	{
		my ($name) = /^([^:]+):/;
		push @expected, $_;
		push @got, "$name: " . ($newest->{headers}{ lc $name } // '');
	}
	return is(
		mask(join "\n", @got, '', $newest->{body}),
		mask(join "\n", @expected, '', $body),
		"$where is what arrived");
}

# Each host that a text names becomes a receiver, the same one each time.
sub redirect
{
	my ($text) = @_;

	$text =~ s{(https?://[\w.-]+(?::\d+)?)}{
		($endpoints{$1} //= WbAutomations::Endpoint->new(
			answers => [ { status => 200, body => 'ok' } ]))->url('') }gex;
	return $text;
}

sub mask
{
	my ($text) = @_;

	for my $host (keys %endpoints)
	{
		my $port = $endpoints{$host}->port;
		$text =~ s{http://127\.0\.0\.1:$port\b}{$host}g;
		$text =~ s{\b127\.0\.0\.1:$port\b}{$host =~ s{.*/}{}r}ge;
	}
	$text =~ s/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d(?::?\d\d)?| ?[A-Z]{1,4}\b)?/<time>/g;
	$text =~ s/\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/<uuid>/g;
	$text =~ s/\b[\da-f]{64}\b/<hmac>/g;
	$text =~ s/\bv1,[\w+\/]{43}=/v1,<hmac>/g;
	$text =~ s/^(webhook-timestamp: )\d+/$1<seconds>/mig;
	$text =~ s/\b(process )\d+/$1<pid>/g;
	$text =~ s/("runId": ")[a-z\d]{8}"/$1<run>"/g;
	$text =~ s/("runPath": "[^"]*\/)[a-z\d]{8}"/$1<run>"/g;
	$text =~ s/-{2,}/-/g;
	$text =~ s/[ \t]+/ /g;
	$text =~ s/^ | $//mg;
	$text =~ s/\s+\z//;
	return "$text\n";
}

# ---- the documents themselves ----

sub slurp_document
{
	my ($file) = @_;

	open my $in, '<:encoding(UTF-8)', "$top/$file" or return '';
	local $/;
	return scalar <$in>;
}

# A link to another file of the project leads to one.
sub check_links
{
	my ($file) = @_;
	my $text = slurp_document($file) =~ s/^```.*?^```$//gmsr;
	my $folder = $file =~ m{^(.*/)} ? $1 : '';
	my @dead = grep { !-e "$top/$folder" . s/#.*//r }
	  grep { !/^(?:https?:|mailto:|#)/ } $text =~ /\]\(([^)\s]+)\)/g;

	is("@dead", '', "links in $file lead somewhere");
	return;
}

# The annotated tree has every file of the source, and no other.
sub check_tree
{
	my ($tree) = slurp_document('docs/architecture.md') =~ /^```text\nsrc\/\n(.*?)^```/ms;
	my %named = map { $_ => 1 } ($tree // '') =~ /\b(\w+\.[ch])\b/g;
	my %there = map { s{.*/}{}r => 1 } glob "$top/src/*.[ch] $top/src/*/*.[ch]";

	delete @named{ grep { !/\.c$/ && $there{$_} } keys %named };
	delete @there{ grep { !/\.c$/ } keys %there };
	is_deeply(\%named, \%there, 'the tree in docs/architecture.md is that of src/');
	return;
}

# What anybody may call or select is in the reference.
sub check_reference
{
	my $text = slurp_document('docs/reference.md');
	my @functions = split /\n/, $node->sql(q(
		SELECT DISTINCT proname FROM pg_proc
		WHERE pronamespace = 'wb'::regnamespace AND has_function_privilege('public', oid, 'EXECUTE')
		ORDER BY 1));
	is(join(' ', grep { $text !~ /\bwb\.$_\(/ } @functions), '',
		'every function that anybody may call is in the reference');

	my @columns = split /\n/, $node->sql(q(
		SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'wb'::regnamespace AND c.relkind IN ('r', 'p', 'v')
			AND a.attnum > 0 AND NOT a.attisdropped
		ORDER BY 1));
	my %sections = $text =~ /^### `wb\.(\w+)`\n(.*?)(?=^##|\z)/gms;
	is(join(' ', grep { /(.*)\.(.*)/; ($sections{$1} // '') !~ /`\Q$2\E`/ } @columns), '',
		'every column of a table or view is in its section of the reference');
	return;
}
