# The end of make check says what was not tested, shows what failed and no
# crash that a test intended, and closes with prove's own lines.

use strict;
use warnings;

use Cwd ();
use File::Path ();
use File::Temp ();
use Test::More;

my $library = Cwd::abs_path('test/perl');
my $directory = File::Temp->newdir(TMPDIR => 1);
File::Path::make_path("$directory/t", "$directory/tmp_check/log");
my %tests = (
	whole => 'print "ok 1\n1..1\n"',
	absent => 'print "1..0 # SKIP NOT TESTED: all of it, because a tool is missing\n"',
	partly => 'print "ok 1\nok 2 # skip NOT TESTED: names; no compiler\nok 3 # skip NOT TESTED: names; no compiler\n1..3\n"',
	broken => 'print "ok 1\nnot ok 2 - sums are right\n1..2\n"; exit 1');
write_file("t/$_.pl", $tests{$_}) for keys %tests;
write_file('tmp_check/log/regress_log_broken', "not ok 2 - sums are right\n#   got: 4\n");
write_file('tmp_check/log/broken_main.log', "LOG:  server process (PID 7) was terminated by signal 9: Killed\n"
	  . "LOG:  server process (PID 8) was terminated by signal 11: Segmentation fault\n");
write_file('tmp_check/log/whole_main.log', "PANIC:  intended by another test\n");
write_file('lint', "a line of a lint\nNOT TESTED: the layout, because a tool is missing\n");

sub write_file
{
	my ($name, $content) = @_;
	open my $out, '>', "$directory/$name" or die "$name: $!";
	print $out $content;
	close $out;
	return;
}

# What prove prints about some of the tests.
sub prove
{
	my ($lint, @names) = @_;
	local $ENV{PERL5LIB} = $library;
	local $ENV{WB_NOT_TESTED} = "$directory/$lint";
	local $ENV{HARNESS_ACTIVE};
	my $files = join ' ', map { "t/$_.pl" } @names;
	return `cd $directory && prove -j2 --formatter WbAutomations::Summary $files 2>&1`;
}

my $closing = qr/\nFiles=\d+, Tests=\d+, [^\n]*\nResult: /;
{
	my $said = prove('lint', qw(absent partly whole));
	like($said, qr{
Not tested:
  lint: the layout, because a tool is missing
  t/absent.pl: all of it, because a tool is missing
  t/partly.pl: names; no compiler
All tests successful.$closing(?:PASS)\n\z}, 'what was not tested stands before the last lines, with the reasons, also out of a file that passed');
}
{
	my $said = prove('none', qw(partly whole));
	unlike($said, qr/===\(/, 'in a file there is no progress bar');
}
like(prove('none', 'whole'), qr/\nNothing was left untested.\nAll tests successful.${closing}PASS\n\z/, 'with nothing left out it says so');
{
	my $said = prove('none', qw(broken partly whole));
	like($said, qr{\n==> t/broken.pl failed; the end of its log\nnot ok 2 - sums are right\n#   got: 4\n}, 'a test that failed is shown');
	like($said, qr{\n==> a server of t/broken.pl crashed\n[^\n]*signal 11[^\n]*\n\n}, 'with the crash that it did not intend, and no other');
	unlike($said, qr/intended|signal 9/, 'and nothing of tests that passed');
	like($said, qr/${closing}FAIL\n\z/, 'the last lines are prove\'s');
}

done_testing();
