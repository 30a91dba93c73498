# A receiver of webhooks on loopback that does as it is told, and remembers
# every byte.
#
#	my $endpoint = WbAutomations::Endpoint->new(answers => [ 'hang', 503, 200 ]);
#	... automations that send to $endpoint->url ...
#	my $request = $endpoint->wait_for_request;
#	is($request->{headers}{'content-type'}, 'application/json');
#
# It is a process of its own with one loop over non-blocking sockets, so that
# a test can wait for the server under test while the receiver answers it, and
# so that thousands of requests a second arrive undisturbed.  The two processes
# speak through two files: the test leaves the script of answers in one, the
# receiver appends each request to the other before it answers, so that what
# the sender believes delivered is always on record.  It ends with the test,
# however that ends.
#
# An answer is a status code, or 'hang' (never answer), 'close' (close without
# an answer), 'reset' (the same with a TCP reset), or a hash of
#	status => 200, body => 'ok', repeat => 1 (copies of the body),
#	headers => { 'Retry-After' => 3 }, delay => seconds before the answer,
#	raw => bytes to send instead of all that.
# Answers are used up in order, one a request; the last one stays.

package WbAutomations::Endpoint;

use strict;
use warnings;

use Errno qw(EAGAIN EWOULDBLOCK EINTR);
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use List::Util qw(max min);
use POSIX ();
use Socket qw(IPPROTO_TCP TCP_NODELAY SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

my $json = JSON::PP->new->latin1;

# Start a receiver: answers => [...], port => fixed port (any free one).
sub new
{
	my ($class, %args) = @_;
	my $dir = File::Temp->newdir('wb_endpoint_XXXXXX', TMPDIR => 1);
	my $listener = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1',
		LocalPort => $args{port} // 0,
		Listen => 1024,
		ReuseAddr => 1,
		Blocking => 0) or die "could not listen on loopback: $@";
	my $self = bless {
		dir => $dir,
		owner => $$,
		port => $listener->sockport,
		seen => [],
		read_to => 0 }, $class;

	$self->set_answer(@{ $args{answers} // [200] });
	open my $log, '>>', "$dir/requests" or die "could not write $dir: $!";

	# The receiver ends when this pipe does, that is with the test's process.
	pipe my $lifeline, $self->{lifeline} or die "could not make a pipe: $!";

	# One that is told to end at once must not do what the test would: from
	# PostgreSQL 17 on that stops its servers.
	local @SIG{qw(INT TERM)} = ('DEFAULT') x 2;
	$self->{pid} = fork // die "could not fork: $!";
	if ($self->{pid} == 0)
	{
		$SIG{PIPE} = 'IGNORE';
		untie *STDOUT;
		open STDOUT, '>', '/dev/null';
		close $self->{lifeline};
		eval { _serve("$dir", $listener, $lifeline, $log); 1 }
		  or syswrite STDERR, "receiver on port $self->{port}: $@";
		POSIX::_exit(0);
	}
	return $self;
}

sub port
{
	return $_[0]{port};
}

# The address of the receiver; $path begins with a slash.
sub url
{
	my ($self, $path) = @_;
	return "http://127.0.0.1:$self->{port}" . ($path // '/');
}

# Change what is answered from the next request on.
sub set_answer
{
	my ($self, @answers) = @_;
	my $file = "$self->{dir}/answers";

	# Renamed into place, so that the receiver never reads half a script.
	open my $out, '>', "$file.new" or die "could not write $file.new: $!";
	print $out $json->encode(\@answers);
	close $out;
	rename "$file.new", $file or die "could not rename to $file: $!";
	return;
}

# All requests so far, oldest first, each a hash of: at (microseconds since
# 1970, taken when its last byte had arrived), connection (a number), method,
# path, headers (by lower-case name) and body, as bytes.
sub requests
{
	my ($self) = @_;

	open my $in, '<', "$self->{dir}/requests" or die $!;
	seek $in, $self->{read_to}, 0;
	while (my $line = <$in>)
	{
		last if $line !~ /\n\z/;
		$self->{read_to} += length $line;
		push @{ $self->{seen} }, $json->decode($line);
	}
	return @{ $self->{seen} };
}

# One of them, counted from 0; undef if it has not come.
sub request
{
	my ($self, $number) = @_;
	return ($self->requests)[$number];
}

# Wait until $count requests have come, and return all; dies when it takes
# longer than $timeout seconds.
sub wait_for_requests
{
	my ($self, $count, $timeout) = @_;
	my $deadline = time + ($timeout // 60);
	my @requests;

	while ((@requests = $self->requests) < $count)
	{
		die sprintf "%d of %d requests came to port %d", scalar @requests,
		  $count, $self->{port}
		  if time > $deadline;
		select undef, undef, undef, 0.005;
	}
	return @requests;
}

# Wait for the request that no call of this method has returned before.
sub wait_for_request
{
	my ($self, $timeout) = @_;
	my $number = $self->{waited}++ // 0;
	return ($self->wait_for_requests($number + 1, $timeout))[$number];
}

# Stop the receiver: from now on connections are refused.
sub stop
{
	my ($self) = @_;

	return if !$self->{pid} || $self->{owner} != $$;
	local ($?, $!);

	# A receiver that was started later holds this one's lifeline as well.
	kill 'TERM', $self->{pid};
	waitpid delete $self->{pid}, 0;
	return;
}

sub DESTROY
{
	$_[0]->stop;
	return;
}

# ---- from here on: the receiver's own process ----

sub _serve
{
	my ($dir, $listener, $lifeline, $log) = @_;
	my $readers = IO::Select->new($listener, $lifeline);
	my $writers = IO::Select->new;
	my (%clients, @answers, @due);
	my ($script, $connections) = ('', 0);

	while (1)
	{
		my $wait = @due ? max(0, min(map { $_->{due} } @due) - time) : undef;
		my ($readable, $writable) =
		  IO::Select->select($readers, $writers, undef, $wait);
		my $records = '';
		my @answer;

		# A script that was changed before a request came is in force for it.
		my $version = join ':', (Time::HiRes::stat("$dir/answers"))[ 1, 9 ];
		if ($version ne $script)
		{
			$script = $version;
			@answers = _read_script("$dir/answers");
		}

		for my $socket (@{ $readable // [] })
		{
			return if $socket == $lifeline;
			if ($socket == $listener)
			{
				while (my $new = $listener->accept)
				{
					$new->blocking(0);
					setsockopt $new, IPPROTO_TCP, TCP_NODELAY, 1;
					$readers->add($new);
					$clients{ fileno $new } = {
						socket => $new,
						number => ++$connections,
						in => '',
						out => '' };
				}
				next;
			}
			my $client = $clients{ fileno $socket };
			my $got = sysread $socket, $client->{in}, 1 << 18,
			  length $client->{in};
			next
			  if !defined $got
			  && ($! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR);
			if (!$got)
			{
				_drop($client, \%clients, $readers, $writers);
				next;
			}
			while (my $request = _next_request($client))
			{
				$records .= $request;
				push @answer,
				  [ $client, @answers > 1 ? shift @answers : $answers[0] ];
			}
		}
		_append($log, $records);

		for (@answer)
		{
			my ($client, $answer) = @$_;
			if (my $delay = $answer->{delay})
			{
				push @due,
				  { due => time + $delay, client => $client, answer => $answer };
				next;
			}
			_answer($client, $answer, \%clients, $readers, $writers);
		}
		if (@due)
		{
			my $now = time;
			my @ripe = grep { $_->{due} <= $now } @due;
			@due = grep { $_->{due} > $now } @due;
			_answer($_->{client}, $_->{answer}, \%clients, $readers, $writers)
			  for @ripe;
		}
		for my $socket (@{ $writable // [] })
		{
			my $client = defined fileno $socket && $clients{ fileno $socket };
			_flush($client, \%clients, $readers, $writers) if $client;
		}
	}
}

sub _read_script
{
	my ($file) = @_;

	open my $in, '<', $file or die "could not read $file: $!";
	local $/;
	return map {
			ref $_ ? $_
		  : /^\d+$/ ? { status => $_ }
		  : { act => $_ }
	} @{ $json->decode(<$in>) };
}

# Take one whole request out of what a client has sent, as the line of JSON
# that goes into the log; nothing while it is not complete.
sub _next_request
{
	my ($client) = @_;

	if (!$client->{head})
	{
		my $end = index $client->{in}, "\r\n\r\n";
		return if $end < 0;
		my ($first, @lines) = split /\r\n/, substr $client->{in}, 0, $end;
		substr $client->{in}, 0, $end + 4, '';
		my ($method, $path) = split / /, $first;
		my %headers;
		for (@lines)
		{
			my ($name, $value) = /^([^:]+):\s*(.*?)\s*\z/s or next;
			$name = lc $name;
			$headers{$name} =
			  defined $headers{$name} ? "$headers{$name}, $value" : $value;
		}
		$client->{head} = [ $method, $path, \%headers ];
		$client->{length} = $headers{'content-length'} // 0;
		syswrite $client->{socket}, "HTTP/1.1 100 Continue\r\n\r\n"
		  if lc($headers{expect} // '') eq '100-continue';
	}
	return if length $client->{in} < $client->{length};

	my ($method, $path, $headers) = @{ delete $client->{head} };
	my $body = substr $client->{in}, 0, $client->{length}, '';
	$client->{last} = 1 if lc($headers->{connection} // '') eq 'close';
	return sprintf
	  qq({"at":%d,"connection":%d,"method":%s,"path":%s,"headers":{%s},"body":%s}\n),
	  time * 1e6, $client->{number}, _quote($method), _quote($path),
	  join(',', map { _quote($_) . ':' . _quote($headers->{$_}) } sort keys %$headers),
	  _quote($body);
}

# A string of bytes in JSON, each byte its own character.
sub _quote
{
	my ($bytes) = @_;
	$bytes =~ s/([^ !#-\[\]-~])/sprintf '\\u%04x', ord $1/ge;
	return qq("$bytes");
}

sub _append
{
	my ($log, $records) = @_;

	while (length $records)
	{
		my $done = syswrite $log, $records;
		die "could not record a request: $!" if !defined $done;
		substr $records, 0, $done, '';
	}
	return;
}

sub _answer
{
	my ($client, $answer, @sets) = @_;
	my $act = $answer->{act} // 'answer';

	return if $client->{gone} || $act eq 'hang';
	if ($act eq 'close' || $act eq 'reset')
	{
		setsockopt $client->{socket}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0
		  if $act eq 'reset';
		return _drop($client, @sets);
	}
	die "unknown answer \"$act\"" if $act ne 'answer';

	if (defined $answer->{raw})
	{
		$client->{out} .= $answer->{raw};
	}
	else
	{
		my $body = ($answer->{body} // 'ok') x ($answer->{repeat} // 1);
		my %headers = (
			'Content-Type' => 'text/plain',
			%{ $answer->{headers} // {} },
			'Content-Length' => length $body);
		$client->{out} .= join "\r\n", "HTTP/1.1 " . ($answer->{status} // 200) . " -",
		  (map { "$_: $headers{$_}" } sort keys %headers), '', $body;
	}
	return _flush($client, @sets);
}

sub _flush
{
	my ($client, $clients, $readers, $writers) = @_;

	while (length $client->{out})
	{
		my $done = syswrite $client->{socket}, $client->{out};
		if (!defined $done)
		{
			next if $! == EINTR;
			return $writers->add($client->{socket})
			  if $! == EAGAIN || $! == EWOULDBLOCK;
			return _drop($client, $clients, $readers, $writers);
		}
		substr $client->{out}, 0, $done, '';
	}
	$writers->remove($client->{socket});
	_drop($client, $clients, $readers, $writers) if $client->{last};
	return;
}

sub _drop
{
	my ($client, $clients, $readers, $writers) = @_;

	return if $client->{gone};
	$client->{gone} = 1;
	$readers->remove($client->{socket});
	$writers->remove($client->{socket});
	delete $clients->{ fileno $client->{socket} };
	close $client->{socket};
	return;
}

1;
