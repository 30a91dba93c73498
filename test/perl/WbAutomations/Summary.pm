# What prove says at the end, for make check: before its own last lines stand
# what was not tested and why, and of each test that failed its log.
#
#	PERL5LIB=test/perl prove --formatter WbAutomations::Summary test/t/*.pl
#
# A test that passes may have left something out, by "skip" or "plan skip_all"
# with a reason; the file that WB_NOT_TESTED names has lines of others, such as
# the lints'.  Tests kill servers on purpose, so of crashes only those are shown
# that no test intends, and only of servers of tests that failed.

package WbAutomations::Summary;

use strict;
use warnings;

use List::Util qw(uniq);
use TAP::Formatter::Console;
use TAP::Formatter::File;

# As prove itself chooses: a progress bar is for a terminal only.
our @ISA = -t STDOUT ? 'TAP::Formatter::Console' : 'TAP::Formatter::File';

# How much of a log is shown.
my $log_lines = 100;

# Notes the reasons of each skip as it comes, for a parser keeps only numbers.
sub open_test
{
	my ($self, $test, $parser) = @_;

	$parser->callback(test => sub {
		my ($result) = @_;
		push @{ $self->{skips}{$test} }, $result->explanation if $result->has_skip;
	});
	return $self->SUPER::open_test($test, $parser);
}

sub summary
{
	my ($self, $aggregate, @more) = @_;

	for my $test ($aggregate->descriptions)
	{
		my ($parser) = $aggregate->parsers($test);
		$self->_show_failure($test) if $parser->has_problems;
	}
	$self->_show_gaps($aggregate);
	return $self->SUPER::summary($aggregate, @more);
}

sub _show_gaps
{
	my ($self, $aggregate) = @_;
	my @gaps = map { "lint: $_" } _read($ENV{WB_NOT_TESTED}, qr/^NOT TESTED: /);

	for my $test ($aggregate->descriptions)
	{
		my ($parser) = $aggregate->parsers($test);
		push @gaps, map { "$test: $_\n" } uniq grep { defined } $parser->skip_all || (), @{ $self->{skips}{$test} // [] };
	}
	s/NOT TESTED: // for @gaps;
	$self->_output(@gaps ? ("\nNot tested:\n", map { "  $_" } @gaps) : "\nNothing was left untested.\n");
	return;
}

sub _show_failure
{
	my ($self, $test) = @_;
	my ($name) = $test =~ m{([^/]+)\.pl\z} or return;
	my @log = _read("tmp_check/log/regress_log_$name", qr/^/);

	splice @log, 0, -$log_lines if @log > $log_lines;
	$self->_failure_output("\n==> $test failed; the end of its log\n", @log) if @log;
	for my $server (glob "tmp_check/log/${name}_*.log")
	{
		my @crashes = _read($server, qr/PANIC:|TRAP:|was terminated by signal (?!9\b)/);
		$self->_failure_output("\n==> a server of $test crashed\n", @crashes) if @crashes;
	}
	return;
}

# The lines of a file that match; none where it cannot be read.
sub _read
{
	my ($file, $pattern) = @_;

	open my $in, '<', $file // '' or return;
	return grep { /$pattern/ } <$in>;
}

1;
