# Builds a library of test/perl that is to be preloaded into a server, in front
# of the C library's: resolver.c, which lets a test say what names stand for,
# and which of them never have an answer; and faults.c, with which a disk is
# full or memory is gone while a test says so.
#
#	my $library = WbAutomations::Preload::build('resolver') or plan skip_all => ...;
#	local $ENV{LD_PRELOAD} = $library;
#	local $ENV{WB_TEST_HOSTS} = 'private.test=10.0.0.1';
#	my $node = WbAutomations::Node->new('names');

package WbAutomations::Preload;

use strict;
use warnings;

use File::Temp ();
use FindBin;
use IPC::Run ();

my $directory = File::Temp->newdir('wb_preload_XXXXXX', TMPDIR => 1);

# The library's path; undef where it cannot be built here.
sub build
{
	my ($name) = @_;
	my $library = "$directory/$name.so";
	my $is_built = eval {
		IPC::Run::run([ $ENV{CC} || 'cc', '-shared', '-fPIC', '-o', $library, "$FindBin::Bin/../perl/$name.c", '-ldl' ],
			'>&', \my $output);
	};
	return $is_built ? $library : undef;
}

1;
