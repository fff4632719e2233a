; 4-level paging: rights, accessed and dirty bits, large pages, SMEP, SMAP, PCIDs, page crossings, code that changes itself;
; see check.inc.
org 0x100000
bits 32
        jmp entry
        align 8
entry:
%include "long-mode.inc"
%include "wide64.inc"
%include "check.inc"
%include "check64.inc"
TEST_GDT_BYTES equ 0x100
PML4 equ 0x1000
PDPT equ 0x2000
PD equ 0x3000
OTHER_PDPT equ 0x8000
OTHER_PD equ 0x9000
OTHER_PT equ 0xa000
; The window again, through tables of its own.
HIGH_WINDOW equ 0x4000600000
NX equ 1 << 63

; Entry of the window's page table.
%macro set_page 2
        mov rax, %2
        mov [PAGE_TABLE + (%1) * 8], rax
        invlpg [WINDOW + (%1) * 0x1000]
        xor eax, eax
%endmacro
%macro set_entry 2
        mov rax, %2
        mov [%1], rax
        mov rax, cr3
        mov cr3, rax
        xor eax, eax
%endmacro
; Low bits of an entry.
%macro show_entry 1
        movzx eax, word [%1]
        and eax, 0xfff
        show rax
%endmacro

long_mode:
        call check_setup
        set_msr 0xc0000080, 0xd01
        mov eax, on_marks
        mov [idt + 0x83 * 16], ax
        mov dword [idt + 0x83 * 16 + 2], 0x8e000008
        shr eax, 16
        mov [idt + 0x83 * 16 + 6], ax
        mov eax, on_flags
        mov [idt + 0x84 * 16], ax
        mov dword [idt + 0x84 * 16 + 2], 0x8e000008
        shr eax, 16
        mov [idt + 0x84 * 16 + 6], ax
        mov edi, PAGE_TABLE
        xor eax, eax
        mov ecx, 4096
        rep stosd
        mov dword [PD + 3 * 8], PAGE_TABLE + 7
        ; The same tables at 256 GiB, so that each level has an entry of its own.
        mov dword [PML4 + 8], 0
        mov dword [PDPT + 0x100 * 8], OTHER_PD + 7
        mov dword [OTHER_PD + 3 * 8], OTHER_PT + 7
        set_bits cr0, 0x10000

; Rights of a page for both privileges.
%macro rights 2
check %1, ": read"
        set_page 1, %2
        mov rax, [WINDOW + 0x1000]
        xor eax, eax
        done
check %1, ": write"
        set_page 1, %2
        mov [WINDOW + 0x1000], rax
        done
check %1, ": fetch"
        set_page 1, 0x601003
        mov byte [WINDOW + 0x1000], 0xc3
        set_page 1, %2
        mov rbx, WINDOW + 0x1000
        call rbx
        done
check %1, ": read in ring 3"
        set_page 1, %2
        user
        mov rax, [WINDOW + 0x1000]
        xor eax, eax
        leave_user
        done
check %1, ": write in ring 3"
        set_page 1, %2
        user
        mov [WINDOW + 0x1000], rax
        leave_user
        done
check %1, ": fetch in ring 3"
        set_page 1, %2
        user
        mov rbx, WINDOW + 0x1000
        call rbx
        leave_user
        done
%endmacro
rights "absent", 0x601000
rights "read-only", 0x601001
rights "writable", 0x601003
rights "user", 0x601005
rights "user writable", 0x601007
rights "user no-execute", 0x601007 | NX
rights "reserved bit", 0x601007 | (1 << 51)
        clear_bits cr0, 0x10000
rights "user read-only, WP clear", 0x601005
        set_bits cr0, 0x10000
        set_msr 0xc0000080, 0x501
rights "no-execute without NXE", 0x601007 | NX
        set_msr 0xc0000080, 0xd01
        set_page 1, 0x601007

; Rights come from all levels.
check "PDE read-only"
        set_entry PD + 3 * 8, PAGE_TABLE + 5
        mov [WINDOW + 0x1000], rax
        done
check "PDE supervisor, ring 3"
        set_entry PD + 3 * 8, PAGE_TABLE + 3
        user
        mov rax, [WINDOW + 0x1000]
        done
check "PDE no-execute"
        set_entry PD + 3 * 8, (PAGE_TABLE + 7) | NX
        mov rbx, WINDOW + 0x1000
        call rbx
        done
check "PDE reserved bit"
        set_entry PD + 3 * 8, (PAGE_TABLE + 7) | (1 << 51)
        mov rax, [WINDOW + 0x1000]
        done
        set_entry PD + 3 * 8, PAGE_TABLE + 7
check "PDPTE read-only"
        set_entry PDPT + 0x100 * 8, OTHER_PD + 5
        mov rbx, HIGH_WINDOW + 0x1000
        mov [rbx], rax
        done
check "PDPTE absent"
        set_entry PDPT + 0x100 * 8, OTHER_PD + 6
        mov rax, [abs qword HIGH_WINDOW + 0x1000]
        done
check "PML4E absent"
        mov rax, [abs qword 0x8000600000]
        done
check "PML4E reserved bit 7"
        set_entry PML4 + 8, PDPT + 0x87
        mov rax, [abs qword 0x8000000000]
        done
        set_entry PML4 + 8, 0
        set_entry PDPT + 0x100 * 8, OTHER_PD + 7

; Accessed and dirty bits.
%macro show_marks 0
        show_entry PDPT + 0x100 * 8
        show_entry OTHER_PD + 3 * 8
        movzx eax, word [OTHER_PT + 8]
        and eax, 0xfff
%endmacro
%macro clear_marks 1
        mov dword [PDPT + 0x100 * 8], OTHER_PD + 7
        mov dword [OTHER_PD + 3 * 8], OTHER_PT + 7
        mov rax, %1
        mov [OTHER_PT + 8], rax
        mov rax, cr3
        mov cr3, rax
        mov rbx, HIGH_WINDOW + 0x1000
        xor eax, eax
%endmacro
check "marks: a read"
        clear_marks 0x601007
        mov rax, [rbx]
        show_marks
        done
check "marks: a write"
        clear_marks 0x601007
        mov [rbx], rax
        show_marks
        done
check "marks: a write after a read"
        clear_marks 0x601007
        mov rax, [rbx]
        mov [rbx], rax
        show_marks
        done
check "marks: a write that compares unequal"
        clear_marks 0x601007
        mov qword [rbx], 5
        and byte [OTHER_PT + 8], ~0x60
        invlpg [rbx]
        lock cmpxchg [rbx], rdx
        show_marks
        done
check "marks: a fetch"
        clear_marks 0x601007
        mov byte [rbx], 0xc3
        clear_marks 0x601007
        call rbx
        show_marks
        done
check "marks: INVLPG and LEA make none"
        clear_marks 0x601007
        invlpg [rbx]
        lea rax, [rbx]
        show_marks
        done
check "marks: descriptor tables"
        clear_marks 0x601007
        mov rax, [test_gdt + 0x10]
        mov [rbx + 8], rax
        mov word [scratch], 15
        mov [scratch + 2], rbx
        clear_marks 0x601007
        lgdt [scratch]
        mov eax, 8
        lar ecx, eax
        lgdt [test_gdt_pointer]
        show_marks
        done
check "marks: the stack of a handler"
        clear_marks 0x601007
        lea rsp, [rbx + 0x800]
        int 0x83
        done

; Large pages.
check "2 MiB page: A and D"
        set_entry OTHER_PD + 4 * 8, 0x800087
        mov rbx, HIGH_WINDOW + 0x200000
        mov [rbx], rax
        show_entry OTHER_PD + 4 * 8
        done
check "2 MiB page: reserved bit 13"
        set_entry OTHER_PD + 4 * 8, 0x802087
        mov rbx, HIGH_WINDOW + 0x200000
        mov rax, [rbx]
        done
check "2 MiB page: PAT bit 12"
        mov dword [0x823000], 0x4711
        set_entry OTHER_PD + 4 * 8, 0x801087
        mov rbx, HIGH_WINDOW + 0x223000
        mov eax, [rbx]
        done
check "2 MiB page: the last bytes and the next page"
        set_entry OTHER_PD + 4 * 8, 0x800087
        mov rbx, HIGH_WINDOW + 0x3ffffc
        mov rax, [rbx]
        done
check "2 MiB page: INVLPG of another part of it"
        set_entry OTHER_PD + 4 * 8, 0x800087
        mov dword [0x801000], 0x8888
        mov dword [0xa01000], 0xaaaa
        mov rbx, HIGH_WINDOW + 0x200000
        mov eax, [rbx]
        mov eax, [rbx + 0x1000]
        mov dword [OTHER_PD + 4 * 8], 0xa00087
        invlpg [rbx + 0x5000]
        mov eax, [rbx + 0x1000]
        done
check "1 GiB page: reserved bit 13"
        set_entry PDPT + 0x101 * 8, 0x2087
        mov rbx, 0x4040000000
        mov rax, [rbx]
        done
check "1 GiB page"
        set_entry PDPT + 0x101 * 8, 0x87
        mov rbx, 0x4040601000
        mov dword [WINDOW + 0x1000], 0x1234
        mov eax, [rbx]
        show rax
        show_entry PDPT + 0x101 * 8
        done
        set_entry PDPT + 0x101 * 8, 0

; Invalidation.
check "INVLPG after a page was removed"
        set_page 2, 0x602007
        mov rax, [WINDOW + 0x2000]
        set_page 2, 0
        mov rax, [WINDOW + 0x2000]
        done
check "MOV CR3 after a page was removed"
        set_page 2, 0x602007
        mov rax, [WINDOW + 0x2000]
        set_entry PAGE_TABLE + 16, 0
        mov rax, [WINDOW + 0x2000]
        done
check "a page that appears needs no invalidation"
        set_page 2, 0
        mov qword [PAGE_TABLE + 16], 0x602007
        mov rax, [WINDOW + 0x2000]
        xor eax, eax
        done
check "a page that becomes writable needs none"
        set_page 2, 0x602005
        mov rax, [WINDOW + 0x2000]
        mov qword [PAGE_TABLE + 16], 0x602007
        mov [WINDOW + 0x2000], rax
        mov al, [PAGE_TABLE + 16]
        and eax, 0x60
        done
check "two mappings of a page"
        set_page 2, 0x604007
        set_page 3, 0x604007
        mov qword [WINDOW + 0x2010], 0x77
        mov rax, [WINDOW + 0x3010]
        done
        set_bits cr4, 0x80
check "global page: INVLPG"
        set_page 2, 0x602107
        mov rax, [WINDOW + 0x2000]
        set_page 2, 0
        mov rax, [WINDOW + 0x2000]
        done
check "global page: CR4.PGE cleared"
        set_page 2, 0x602107
        mov rax, [WINDOW + 0x2000]
        mov qword [PAGE_TABLE + 16], 0
        clear_bits cr4, 0x80
        mov rax, [WINDOW + 0x2000]
        done
        clear_bits cr4, 0x80

; PCIDs: 1 maps the first page of the window in tables of its own.
        mov rsi, PML4
        mov edi, 0xb000
        mov ecx, 1024
        rep movsd
        mov esi, PDPT
        mov ecx, 1024
        rep movsd
        mov esi, PD
        mov ecx, 1024
        rep movsd
        mov esi, PAGE_TABLE
        mov ecx, 1024
        rep movsd
        mov dword [0xb000], 0xc007
        mov dword [0xc000], 0xd007
        mov dword [0xd000 + 24], 0xe007
        mov qword [0xe000 + 5 * 8], 0xa06007
        mov qword [PAGE_TABLE + 5 * 8], 0xa05007
        mov qword [0xa05000], 0x5555
        mov qword [0xa06000], 0x6666
        mov eax, 1
        cpuid
        bt ecx, 17
        jnc .without
        set_bits cr4, 0x20000
.without:
check "PCID: two address spaces"
        not_on_qemu
        mov rax, 0x1000
        mov cr3, rax
        mov rbx, [WINDOW + 0x5000]
        mov rax, 0x800000000000b001
        mov cr3, rax
        mov rcx, [WINDOW + 0x5000]
        mov rax, 0x8000000000001000
        mov cr3, rax
        mov rdx, [WINDOW + 0x5000]
        show rbx
        show rcx
        show rdx
        mov rax, cr3
        done
check "PCID: MOV CR3 with bit 63 clear"
        not_on_qemu
        mov rax, [WINDOW + 0x5000]
        mov qword [PAGE_TABLE + 5 * 8], 0xa06007
        mov rax, 0x1000
        mov cr3, rax
        mov rax, [WINDOW + 0x5000]
        done
check "PCID: INVPCID of one address"
        not_on_qemu
        mov rax, [WINDOW + 0x5000]
        mov qword [PAGE_TABLE + 5 * 8], 0xa05007
        mov qword [scratch], 0
        mov qword [scratch + 8], WINDOW + 0x5000
        xor eax, eax
        invpcid rax, [scratch]
        mov rax, [WINDOW + 0x5000]
        done
check "PCID: INVPCID of a context"
        not_on_qemu
        mov rax, [WINDOW + 0x5000]
        mov qword [PAGE_TABLE + 5 * 8], 0xa06007
        mov eax, 1
        invpcid rax, [scratch]
        mov rax, [WINDOW + 0x5000]
        done
check "PCID: INVPCID of another context, then there"
        not_on_qemu
        mov rax, 0x800000000000b001
        mov cr3, rax
        mov rax, [WINDOW + 0x5000]
        mov rax, 0x8000000000001000
        mov cr3, rax
        mov qword [0xe000 + 5 * 8], 0xa07007
        mov qword [0xa07000], 0x7777
        mov qword [scratch], 1
        mov eax, 1
        invpcid rax, [scratch]
        mov rax, 0x800000000000b001
        mov cr3, rax
        mov rax, [WINDOW + 0x5000]
        done
        mov rax, 0x1000
        mov cr3, rax
check "PCID: INVPCID of all contexts"
        not_on_qemu
        mov rax, [WINDOW + 0x5000]
        mov qword [PAGE_TABLE + 5 * 8], 0xa05007
        mov eax, 3
        invpcid rax, [zeros]
        mov rax, [WINDOW + 0x5000]
        done
check "PCID: reserved bits of CR3"
        not_on_qemu
        mov rax, 0x1000000000001000
        mov cr3, rax
        done
        clear_bits cr4, 0x20000

; Accesses across a page border.
        set_page 6, 0xa06007
        set_page 7, 0xa0c007
        mov qword [0xa06ff8], 0
        mov qword [0xa0c000], 0
check "crossing: write and read"
        mov rax, 0x1122334455667788
        mov [WINDOW + 0x6ffd], rax
        mov rbx, [0xa06ff8]
        show rbx
        mov rbx, [0xa0c000]
        show rbx
        mov rax, [WINDOW + 0x6ffd]
        done
check "crossing: read-modify-write"
        mov rax, 0x0101010101010101
        lock xadd [WINDOW + 0x6ffb], rax
        mov rax, [WINDOW + 0x6ffb]
        done
check "crossing: PUSH"
        mov rsp, WINDOW + 0x7004
        push 0x12345678
        mov rax, [WINDOW + 0x6ffc]
        done
check "crossing: read, second page absent"
        set_page 7, 0
        mov rax, [WINDOW + 0x6ffd]
        done
check "crossing: write, second page read-only"
        set_page 7, 0xa0c005
        mov qword [WINDOW + 0x6ff8], 0x1234
        mov rax, -1
        mov [WINDOW + 0x6ffd], rax
        done
check "crossing: nothing was written"
        mov rax, [WINDOW + 0x6ff8]
        done
check "crossing: write, both pages absent"
        set_page 6, 0
        set_page 7, 0
        mov [WINDOW + 0x6ffd], rax
        done
check "crossing: an instruction, second page absent"
        set_page 6, 0xa06007
        mov byte [WINDOW + 0x6ffe], 0x48
        mov byte [WINDOW + 0x6fff], 0xb8
        set_page 7, 0
        mov rbx, WINDOW + 0x6ffe
        call rbx
        done
check "crossing: an instruction, second page no-execute"
        set_page 7, 0xa0c007 | NX
        mov rbx, WINDOW + 0x6ffe
        call rbx
        done
check "crossing: an instruction, first page no-execute"
        set_page 7, 0xa0c007
        set_page 6, 0xa06007 | NX
        mov rbx, WINDOW + 0x6ffe
        call rbx
        done
check "crossing: an instruction"
        set_page 6, 0xa06007
        set_page 7, 0xa0c007
        mov rax, 0x1122334455667788
        mov [WINDOW + 0x7000], rax
        mov byte [WINDOW + 0x7008], 0xc3
        xor eax, eax
        mov rbx, WINDOW + 0x6ffe
        call rbx
        done
check "crossing: an instruction whose second half changes"
        mov byte [WINDOW + 0x7000], 0x99
        call WINDOW + 0x6ffe
        show rax
        mov byte [0xa0c001], 0xaa
        call WINDOW + 0x6ffe
        done
check "crossing: IRETQ frame"
        lea rbx, [rel .there]
        mov rsp, WINDOW + 0x7008
        push 0x10
        push 0x90000
        push 2
        push 8
        push rbx
        iretq
.there: mov rax, rsp
        done
check "crossing: the stack of a handler is absent below"
        mov byte [idt + 14 * 16 + 4], 1
        mov qword [host_tss + 0x24], 0x8c000
        set_page 6, 0
        mov rsp, WINDOW + 0x7010
        int 0x83
        done
        mov byte [idt + 14 * 16 + 4], 0

; Strings with a fault in the midst.
check "REP MOVSB: fault in the midst"
        set_page 6, 0xa06007
        set_page 7, 0
        mov esi, scratch
        mov edi, WINDOW + 0x6ffc
        mov ecx, 9
        mov qword [continuation], .registers
        rep movsb
        done
.registers:
        mov rax, rcx
        show rax
        mov rax, rsi
        sub rax, scratch
        show rax
        mov rax, rdi
        call put_result
        mov rsp, [saved_stack]
check "REP STOSQ down: fault in the midst"
        mov edi, WINDOW + 0x7000 - 8
        set_page 5, 0
        mov ecx, 0x300
        mov qword [continuation], .down
        std
        rep stosq
        done
.down:  mov rax, rcx
        show rax
        mov rax, rdi
        call put_result
        mov rsp, [saved_stack]
check "REPE CMPSB: fault in the second operand"
        mov edi, WINDOW + 0x6ffe
        mov word [WINDOW + 0x6ffe], 0
        mov esi, zeros
        mov ecx, 9
        mov qword [continuation], .compared
        repe cmpsb
        done
.compared:
        mov rax, rcx
        show rax
        mov rax, rdi
        call put_result
        mov rsp, [saved_stack]
check "CMPXCHG8B: read-only page, unequal"
        set_page 6, 0xa06005
        mov eax, 1
        cmpxchg8b [WINDOW + 0x6000]
        done
check "CMPXCHG16B: read-only page, unequal"
        mov eax, 1
        cmpxchg16b [WINDOW + 0x6000]
        done
check "POP to an absent page leaves RSP"
        push 0x11
        mov qword [continuation], .popped
        pop qword [WINDOW + 0x7000]
        done
.popped:
        mov rax, [saved_stack]
        sub rax, rsp
        call put_result
        mov rsp, [saved_stack]

; SMEP and SMAP: the kernel's own 2 MiB become supervisor pages.
        and byte [PD], ~4
        set_bits cr4, 0x300000
        set_page 6, 0xa06007
        set_page 7, 0xa07003
        mov ebx, WINDOW
        stac
        mov byte [WINDOW + 0x6000], 0xc3
        clac
check "SMEP: fetch"
        mov rbx, WINDOW + 0x6000
        call rbx
        done
check "SMAP: read"
        mov rax, [WINDOW + 0x6000]
        done
check "SMAP: write"
        mov [WINDOW + 0x6000], rax
        done
check "SMAP: AC"
        stac
        mov rax, [WINDOW + 0x6000]
        and eax, 0xff
        clac
        done
check "SMAP: supervisor page"
        mov rax, [WINDOW + 0x7000]
        xor eax, eax
        done
check "SMAP: descriptor table on a user page, with AC"
        stac
        mov rax, [test_gdt + 8]
        mov [WINDOW + 0x6008], rax
        mov eax, 0x80
        lldt ax
        mov eax, 0x0c
        lar ecx, eax
        clac
        done
check "SMAP: PUSH to a user page"
        mov rsp, WINDOW + 0x6800
        mov byte [idt + 14 * 16 + 4], 1
        push rax
        done
        mov byte [idt + 14 * 16 + 4], 0
check "SMAP: string"
        mov esi, WINDOW + 0x6000
        lodsb
        done
check "SMAP: an interrupt clears no AC"
        stac
        int 0x84
        done
        clear_bits cr4, 0x300000
        or byte [PD], 4
        mov rax, cr3
        mov cr3, rax

; Code that changes itself.
check "changed code: the next instruction"
        mov byte [rel .imm1 + 1], 0x42
.imm1:  mov al, 0x11
        done
check "changed code: a loop"
        mov ecx, 3
.loop2: mov bl, 1
        add al, bl
        add byte [rel .loop2 + 1], 2
        loop .loop2
        mov byte [rel .loop2 + 1], 1
        done
check "changed code: through another mapping"
        set_page 6, 0xa06007
        set_page 7, 0xa06007
        mov dword [WINDOW + 0x6000], 0xc311b0
        mov rbx, WINDOW + 0x6000
        call rbx
        show rax
        mov byte [WINDOW + 0x7001], 0x22
        call rbx
        done
check "changed code: by REP STOSB over itself"
        mov edi, .filled
        mov ecx, 4
        mov al, 0x90
        rep stosb
.filled:
        db 0x0f, 0x0b, 0x0f, 0x0b
        mov dword [rel .filled], 0x0b0f0b0f
        done
check "changed code: a longer instruction in place"
        mov rbx, WINDOW + 0x6000
        mov dword [rbx], 0xc3909090
        call rbx
        mov dword [rbx], 0x000001b8
        mov word [rbx + 4], 0xc300
        call rbx
        done
check "changed code: a page that is mapped anew"
        mov dword [0xa0d000], 0xc333b0
        mov dword [0xa0e000], 0xc344b0
        set_page 6, 0xa0d007
        mov rbx, WINDOW + 0x6000
        call rbx
        show rax
        set_page 6, 0xa0e007
        call rbx
        done
check "changed code: PUSH onto it"
        mov rbx, WINDOW + 0x6000
        mov dword [rbx], 0xc355b0
        call rbx
        show rax
        mov rdx, rsp
        lea rsp, [rbx + 8]
        mov rax, 0xc366b0
        push rax
        mov rsp, rdx
        xor eax, eax
        call rbx
        done
check "not canonical: crossing the border"
        mov rbx, 0x7ffffffffffc
        mov rax, [rbx]
        done
check "not canonical: an instruction across the end of the lower half"
        mov rbx, 0x7fffffffffff
        jmp rbx
        done
check "not canonical: RET"
        mov rbx, 0x800000000000
        push rbx
        ret
        done
check "not canonical: FS base"
        set_msr 0xc0000100, 0x7ffffffffff8
        mov rax, [fs:8]
        done
        jmp check_end

on_marks:
        mov rsp, [saved_stack]
        show_marks
        jmp finish
on_flags:
        pushfq
        pop rax
        and eax, 0x3f7700
        jmp finish

        align 16
zeros:          times 4 dq 0
scratch:        times 16 dq 0
%include "check64-setup.inc"
%include "check-output.inc"
%include "serial.inc"
        align 16
test_gdt:
        times 0x80 db 0
        dq 0x000082606000000f, 0                ; LDT in the window
        times TEST_GDT_BYTES - ($ - test_gdt) db 0
