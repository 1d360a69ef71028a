using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Columns;
using Xunit;

namespace Quorate.Tests.Core.Columns;

public sealed class ColumnTests : IDisposable
{
    const int Chunk = 8;

    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quorate-column-");

    string File => Path.Combine(_folder.FullName, "column");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Appends_spills_and_truncations_in_any_order_give_what_a_list_gives() =>
        Prop.ForAll<int[]>(steps =>
            {
                using var file = Open();
                file.Clear();
                var column = new Column<long>(Chunk, file);
                var list = new List<long>();
                var next = 0L;
                foreach (var step in steps)
                {
                    var size = Math.Abs(step / 3 % 40);
                    switch (Math.Abs(step % 3))
                    {
                        case 0:
                            long[] items = [.. Enumerable.Range(0, size).Select(_ => next++)];
                            column.AppendRange(items);
                            list.AddRange(items);
                            break;
                        case 1:
                            column.Spill();
                            break;
                        default:
                            var kept = Math.Min(size, list.Count);
                            column.TruncateTo((ulong)kept);
                            list.RemoveRange(kept, list.Count - kept);
                            break;
                    }
                }
                var all = new long[column.Count];
                column.Read(0, all);
                return list.SequenceEqual(all) && list.Index().All(i => column[(ulong)i.Index] == i.Item);
            })
            .QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(83)]
    public void Load_of_a_saved_prefix_gives_it_back_and_goes_on(int count)
    {
        var image = new MemoryStream();
        using (var file = Open())
        {
            var column = Filled(file, 100);
            column.Save(image, (ulong)count);
        }
        image.Position = 0;
        using var again = Open();
        var loaded = new Column<long>(Chunk, again);
        loaded.Load(image, (ulong)count);
        Assert.Equal(image.Length, image.Position);
        loaded.AppendRange([.. Enumerable.Range(count, 50).Select(i => 1000L + i)]);
        loaded.Spill();
        for (var i = 0; i < count + 50; i++)
        {
            Assert.Equal(1000L + i, loaded[(ulong)i]);
        }
    }

    [Fact]
    public void Read_of_a_block_that_the_disk_changed_fails_with_the_files_name()
    {
        using var file = Open();
        var column = Filled(file, 100);
        using (var other = new FileStream(File, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            other.Position = 20 * sizeof(long);
            other.WriteByte(0xff);
        }
        Assert.Equal(1000L, column[0]);
        Assert.Equal(1099L, column[99]);
        var failure = Assert.Throws<IOException>(() => column[17]);
        Assert.Contains(File, failure.Message, StringComparison.Ordinal);
        Assert.Contains("offset 128", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_over_a_file_that_is_cut_is_refused()
    {
        var image = new MemoryStream();
        using (var file = Open())
        {
            Filled(file, 100).Save(image, 100);
        }
        System.IO.File.WriteAllBytes(File, new byte[11 * Chunk * sizeof(long)]);
        image.Position = 0;
        using var cut = Open();
        Assert.Throws<MalformedException>(() => new Column<long>(Chunk, cut).Load(image, 100));
    }

    [Fact]
    public void Spill_to_a_full_disk_keeps_everything_in_memory_and_says_why()
    {
        System.IO.File.CreateSymbolicLink(File, "/dev/full");
        Assert.SkipUnless(System.IO.File.Exists("/dev/full"), "this machine has no /dev/full");
        using var file = Open();
        var column = new Column<long>(Chunk, file);
        column.AppendRange([.. Enumerable.Range(0, 100).Select(i => (long)i)]);
        column.Spill();
        Assert.NotNull(column.SpillFailure);
        Assert.Equal(17L, column[17]);
        Assert.Throws<IOException>(() => column.Save(Stream.Null, 100));
    }

    PlainFile Open() => new(File);

    static Column<long> Filled(PlainFile file, int count)
    {
        var column = new Column<long>(Chunk, file);
        column.AppendRange([.. Enumerable.Range(1000, count).Select(i => (long)i)]);
        column.Spill();
        return column;
    }
}
