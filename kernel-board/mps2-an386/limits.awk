# exposure-deadline.dts with as much as a manufacturer may write: awk -v board=FOLDER -v svd=FILE -f limits.awk
#
# Writes an exposure.dts on the standard output: 256 exposed blocks, whose labels are of 32 characters and differ in the last
# three, 31 interrupts, of which 20 are on one line, interrupts that capture 16 registers, eight programs at once and eight conveyors. One block has 255 registers with masks
# and a claim that ends with 16 pieces of work, each of which keeps bits, another one such a claim of an interrupt that comes. Compiled code it forbids. To FILE it writes the registers: the board's, and those blocks.
# The block of 255 registers stands where AN386 has its pins, which the emulator has not: it reads zeros there, and takes all writes.
BEGIN {
    count = 256 - 12
    lines = 20
    line_of = "\t\t\tinterrupts = <29>;\n\t\t\tinterrupt-names = \"timer\";\n"
    many = "sensor_channel_number_000000_all"
    print "/include/ \"" board "/exposure-deadline.dts\"\n/ {\n\tsoc {"
    for (i = 0; i < count; i++)
        printf "\t\t%s: timer@%x {\n\t\t\tcompatible = \"arm,cmsdk-timer\";\n\t\t\treg = <0x%x 0x1000>;\n%s\t\t};\n", name(i), at(i), at(i), i < lines - 1 ? line_of : ""
    printf "\t\t%s: timer@40011000 {\n\t\t\tcompatible = \"arm,cmsdk-timer\";\n\t\t\treg = <0x40011000 0x1000>;\n%s\t\t};\n", many, line_of
    print "\t};\n\n\texposure {\n\t\tsvd = \"" svd "\";\n"
    print "\t\tlimits {\n\t\t\tregisters = <300>;\n\t\t\thandlers = <32>;\n\t\t\tcaptures = <16>;\n\t\t\taccesses-per-pass = <1024>;\n\t\t\tprograms = <8>;\n\t\t\tconveyors = <8>;\n\t\t};\n"
    printf "\t\tserial1 {\n\t\t\tcaptures-max = <16>;\n\t\t\tsafe-state = "
    for (i = 0; i < 13; i++)
        printf "\"BAUDDIV 0x%x 0xfffff\", ", 16 + i
    print "\"CTRL 0x0 0xffffffff\";\n\t\t};"
    for (i = 0; i < count; i++)
        printf "\t\tchannel%d {\n\t\t\tregister-block = <&%s>;\n\t\t\taccess = \"mapped\";\n\t\t\tsafe-state = \"none\";\n%s\t\t};\n", i, name(i), i < lines - 1 ? "\t\t\tinterrupts = \"timer\";\n" : ""
    printf "\t\tall {\n\t\t\tregister-block = <&%s>;\n\t\t\taccess = \"mediated\";\n\t\t\tinterrupts = \"timer\";\n\t\t\tclear = \"R253 0x1\";\n\t\t\tclear-order = \"after-capture\";\n\t\t\tcaptures-max = <16>;\n\t\t\tsafe-state = ", many
    for (i = 0; i < 15; i++)
        printf "\"R%d 0x1 0xf\"%s", 240 + i, i < 14 ? ", " : ";\n\t\t\tmasks = "
    for (i = 0; i < 255; i++)
        printf "\"R%d rw 0xff\"%s", i, i < 254 ? ", " : ";\n"
    print "\t\t};"
    print "\t};\n\n\tsystem-calls {\n\t\tsupervisor {\n\t\t\t/delete-node/ code-partition;\n\t\t};\n\t};\n};"
    while ((getline line < (board "/mps2-an386.svd")) > 0) {
        if (line ~ /<\/peripherals>/) {
            for (i = 0; i < count; i++)
                printf "    <peripheral derivedFrom=\"VACANT1\"><name>CHANNEL%d</name><baseAddress>0x%x</baseAddress></peripheral>\n", i, at(i) > svd
            print "    <peripheral><name>ALL</name><baseAddress>0x40011000</baseAddress><addressBlock><offset>0</offset><size>0x1000</size><usage>registers</usage></addressBlock><registers>" > svd
            print "      <register><dim>255</dim><dimIncrement>4</dimIncrement><name>R%s</name><addressOffset>0</addressOffset><access>read-write</access></register>" > svd
            print "    </registers></peripheral>" > svd
        }
        print line > svd
    }
}
function name(i) { return sprintf("sensor_channel_number_000000_%03d", i) }
function at(i) { return 1343225856 + 4096 * i }
